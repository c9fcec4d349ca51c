"""Two results of the same stages side by side: what differs, in words a person understands, and by how much.

Pure comparison of tables, frames, folds, predictions and scores. Who ran what, and what a difference means for a change, is in
`effect.py`. Numbers that differ by rounding alone are the same: 1e-12 of a value for tables and frames, 1e-9 for predictions
and scores.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.changes.model import RiskKind
from workbench.pipeline.results import Fold, FoldRun
from workbench.visible import visible

ROUNDING = 1e-12
PREDICTED_ROUNDING = 1e-9
_SHOWN = 5


@dataclass(frozen=True)
class Difference:
    """One thing that differs. `what` names it, so that it can be found again; `size` is 0 … 1 or more, larger is worse.

    For numbers `size` is the mean difference in units of the values' spread, for all else the share of what differs.
    """

    kind: RiskKind
    stage: str
    what: str
    reason: str
    size: float


@dataclass(frozen=True)
class Keys:
    """The columns that say which row of a feature frame is which, its outcome, and the column of its time."""

    columns: tuple[str, ...]
    target: str
    time: str | None = None


def differing_tables(
    before: Mapping[str, pd.DataFrame], after: Mapping[str, pd.DataFrame], kind: RiskKind, stage: str
) -> list[Difference]:
    """What differs between two sets of tables: names, columns, types, rows, values."""
    found = []
    for name in {**before, **after}:
        place = f"the table `{visible(str(name))}`"
        if name not in after or name not in before:
            how = "is no longer there" if name in before else "is new"
            found.append(Difference(kind, stage, f"table {name}", f"{place} {how}", 1.0))
        else:
            found += [
                Difference(kind, stage, f"table {name}: {what}", f"{place}: {reason}", size)
                for what, reason, size in _differing_table(before[name], after[name])
            ]
    return found


def _differing_table(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[tuple[str, str, float]]:
    if before is after:
        return
    yield from _differing_columns(before, after)
    shared = [name for name in before.columns if name in after.columns]
    if len(before) != len(after):
        share = abs(len(after) - len(before)) / max(len(before), 1)
        yield "rows", f"{len(after):,} rows instead of {len(before):,}", share
        return
    changed = {name: one for name in shared if (one := _differing_values(before[name], after[name], ROUNDING)) is not None}
    if changed and len(changed) > 1 and _same_rows(before[shared], after[shared]):
        yield "order", "the same rows in another order", 1.0
        return
    for name, (count, size) in changed.items():
        yield f"column {name}", f"`{visible(str(name))}` has other values in {count:,} of {len(before):,} rows", size


def _differing_columns(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[tuple[str, str, float]]:
    gone = [name for name in before.columns if name not in after.columns]
    come = [name for name in after.columns if name not in before.columns]
    if gone:
        yield "columns gone", f"without {_listed(gone)}", 1.0
    if come:
        yield "columns new", f"with the new {_listed(come)}", 1.0
    if not gone and not come and list(before.columns) != list(after.columns):
        yield "column order", "the columns come in another order", 1.0
    for name in before.columns:
        if name in after.columns and str(before[name].dtype) != str(after[name].dtype):
            reason = f"`{visible(str(name))}` is of type {after[name].dtype} instead of {before[name].dtype}"
            yield f"type of {name}", reason, 1.0


def _same_rows(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    try:
        hashes = [np.sort(pd.util.hash_pandas_object(table, index=False).to_numpy()) for table in (before, after)]
    except (TypeError, ValueError):
        return False
    return bool(np.array_equal(hashes[0], hashes[1]))


def _differing_values(before: pd.Series, after: pd.Series, rounding: float) -> tuple[int, float] | None:
    """(rows that differ, size) of two columns of one length by position, or None where they are the same."""
    old, new = before.reset_index(drop=True), after.reset_index(drop=True)
    gaps = np.asarray(old.isna() != new.isna(), dtype=bool)
    if _is_number(old) and _is_number(new):
        a, b = (np.asarray(one.to_numpy(dtype="float64", na_value=np.nan)) for one in (old, new))
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(a - b)
            near = (a == b) | (apart <= rounding * np.maximum(np.abs(a), np.abs(b)))
        differs = gaps | ~(near | (np.isnan(a) & np.isnan(b)))
        if _is_whole(old) and _is_whole(new):  # beyond 2**53 floats would hide a difference
            differs |= np.asarray((old != new).fillna(False), dtype=bool)
        if not differs.any():
            return None
        finite = np.isfinite(apart)
        spread = float(np.nanstd(a[np.isfinite(a)])) if np.isfinite(a).any() else 0.0
        scale = spread or float(np.nanmax(np.abs(a[np.isfinite(a)]), initial=0.0)) or 1.0
        size = float(apart[finite].mean() / scale) if finite.any() else 0.0
        return int(differs.sum()), size + float((differs & ~finite).mean())
    try:
        differs = gaps | np.asarray((old.astype(object) != new.astype(object)) & ~(old.isna() & new.isna()), dtype=bool)
    except (TypeError, ValueError):
        differs = np.array([repr(one) != repr(other) for one, other in zip(old, new)], dtype=bool)
    return (int(differs.sum()), float(differs.mean())) if differs.any() else None


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype))


def _is_whole(column: pd.Series) -> bool:
    return bool(pd.api.types.is_integer_dtype(column.dtype))


def differing_frames(before: pd.DataFrame, after: pd.DataFrame, keys: Keys, stage: str = "features") -> list[Difference]:
    """What differs between two feature frames, row by row as the key says which is which: the target is a label."""
    found: list[Difference] = []
    for what, reason, size in _differing_columns(before, after):
        kind = RiskKind.LABEL if what in (f"type of {keys.target}",) else RiskKind.FEATURE
        found.append(Difference(kind, stage, what, f"the feature frame: {reason}", size))
    known = [name for name in keys.columns if name in before.columns and name in after.columns]
    if keys.target not in before.columns or keys.target not in after.columns or len(known) < len(keys.columns):
        found.append(Difference(RiskKind.LABEL, stage, "keys", "the feature frame has other keys or another target", 1.0))
        return found
    old, new = (_identified(frame, known) for frame in (before, after))
    if not old.equals(new):
        lost, gained = old.difference(new), new.difference(old)
        if len(lost) or len(gained):
            share = (len(lost) + len(gained)) / max(len(old), 1)
            span = _span(before, keys, np.asarray(old.isin(lost), dtype=bool))
            reason = f"the feature frame: {len(lost):,} rows gone and {len(gained):,} new, of {len(old):,}{span}"
            found.append(Difference(RiskKind.FEATURE, stage, "rows", reason, share))
        shared = old.intersection(new, sort=False)
        places = [index.get_indexer(shared) for index in (old, new)]
        if not (np.diff(places[1]) > 0).all() and len(shared):
            found.append(
                Difference(RiskKind.FEATURE, stage, "row order", "the feature frame: the rows come in another order", 1.0)
            )
        before, after = before.take(places[0]), after.take(places[1])
    return found + list(_differing_cells(before, after, keys, stage))


def _differing_cells(before: pd.DataFrame, after: pd.DataFrame, keys: Keys, stage: str) -> Iterator[Difference]:
    for name in before.columns:
        if name not in after.columns:
            continue
        one = _differing_values(before[name], after[name], ROUNDING)
        if one is None:
            continue
        count, size = one
        gaps = [float(frame[name].isna().mean()) for frame in (before, after)]
        rates = f", missing in {gaps[1]:.1%} instead of {gaps[0]:.1%}" if gaps[0] != gaps[1] else ""
        if name == keys.target:
            means = _means(before[name], after[name])
            reason = f"the outcome `{visible(name)}` is another one in {count:,} of {len(before):,} rows{rates}{means}"
            yield Difference(RiskKind.LABEL, stage, f"column {name}", reason, size)
        else:
            reason = f"the feature `{visible(str(name))}` has other values in {count:,} of {len(before):,} rows{rates}"
            yield Difference(RiskKind.FEATURE, stage, f"column {name}", reason, size)


def _means(before: pd.Series, after: pd.Series) -> str:
    if not (_is_number(before) and _is_number(after)):
        return ""
    return f", its mean {float(after.mean()):.6g} instead of {float(before.mean()):.6g}"


def _span(frame: pd.DataFrame, keys: Keys, rows: np.ndarray) -> str:
    """From when to when the rows lie that are gone."""
    if keys.time is None or not rows.any():
        return ""
    times = frame[keys.time][rows]
    return f"; those gone lie between {times.min()} and {times.max()}"


def _identified(frame: pd.DataFrame, names: Sequence[str]) -> pd.Index:
    """A unique name for each row: its key, and which of the rows with this key it is."""
    if not names:
        return pd.RangeIndex(len(frame))
    texts = frame[list(names)].astype(str)
    joined = texts[names[0]]
    for name in names[1:]:
        joined = joined + "\x1f" + texts[name]
    number = joined.groupby(joined).cumcount().astype(str)
    return pd.Index(joined + "\x1e" + number)


def differing_folds(
    frame: pd.DataFrame, before: Sequence[Fold], after: Sequence[Fold], times: pd.Series | None, groups: Sequence[str]
) -> list[Difference]:
    """Which rows of the frame moved between folds, in which direction of time, and what overlaps now."""
    found = []
    if len(before) != len(after):
        reason = f"{len(after)} folds instead of {len(before)}"
        found.append(Difference(RiskKind.SPLIT, "split", "number of folds", reason, 1.0))
    for number, (old, new) in enumerate(zip(before, after), 1):
        for side, was, now in (("training", old.train, new.train), ("test", old.test, new.test)):
            if np.array_equal(was, now):
                continue
            come, gone = np.setdiff1d(now, was), np.setdiff1d(was, now)
            moved = len(come) + len(gone)
            if not moved:
                how = "the same rows in another order or number"
            else:
                how = f"{len(come):,} rows come in and {len(gone):,} go out{_direction(times, was, now)}"
            reason = f"fold {number}, {side}: {how}"
            size = max(moved, 1) / max(len(was), 1)
            found.append(Difference(RiskKind.SPLIT, "split", f"fold {number} {side}", reason, size))
        overlap = _overlap(frame, old, new, times, groups)
        if overlap:
            found.append(Difference(RiskKind.SPLIT, "split", f"fold {number} overlap", f"fold {number}: {overlap}", 1.0))
    return found


def _direction(times: pd.Series | None, was: np.ndarray, now: np.ndarray) -> str:
    if times is None or not len(was) or not len(now):
        return ""
    ends = [times.iloc[side].max() for side in (was, now)]
    if ends[0] != ends[1]:
        return f"; its last row is {'later' if ends[1] > ends[0] else 'earlier'} ({ends[1]} instead of {ends[0]})"
    begins = [times.iloc[side].min() for side in (was, now)]
    if begins[0] != begins[1]:
        return f"; its first row is {'later' if begins[1] > begins[0] else 'earlier'} ({begins[1]} instead of {begins[0]})"
    return ""


def _overlap(frame: pd.DataFrame, old: Fold, new: Fold, times: pd.Series | None, groups: Sequence[str]) -> str:
    """What training and test share now and did not before: rows, times, groups."""
    said = []
    shared = [len(np.intersect1d(fold.train, fold.test)) for fold in (old, new)]
    if shared[1] > shared[0]:
        said.append(f"{shared[1]:,} rows are both trained on and tested")
    if times is not None:
        late = [_not_before(times, fold) for fold in (old, new)]
        if late[1] > late[0]:
            said.append(f"{late[1]:,} training rows are not earlier than the first test row, {late[0]:,} before")
    for name in groups:
        both = [set(frame[name].iloc[fold.train].dropna()) & set(frame[name].iloc[fold.test].dropna()) for fold in (old, new)]
        if len(both[1]) > len(both[0]):
            said.append(f"{len(both[1]):,} of `{visible(name)}` are on both sides, {len(both[0]):,} before")
    return "; ".join(said)


def _not_before(times: pd.Series, fold: Fold) -> int:
    if not len(fold.train) or not len(fold.test):
        return 0
    return int((times.iloc[fold.train] >= times.iloc[fold.test].min()).sum())


def differing_models(before: Sequence[FoldRun], after: Sequence[FoldRun], *, digests: bool = True) -> list[Difference]:
    """Raw predictions, and fitted states, of the same folds."""
    found = []
    for number, (old, new) in enumerate(zip(before, after), 1):
        changed = _differing_predictions(old.raw, new.raw)
        if changed is not None:
            count, size = changed
            reason = (
                f"fold {number}: the model predicts otherwise for {count:,} of {len(old.raw):,} rows{_error(old.raw, new.raw)}"
            )
            found.append(Difference(RiskKind.MODEL, "fit", f"fold {number} predictions", reason, size))
        elif digests and old.model_digest != new.model_digest:
            reason = f"fold {number}: the fitted model is another one, though it predicts the same for the test rows"
            found.append(Difference(RiskKind.MODEL, "fit", f"fold {number} model", reason, 1.0))
    return found


def differing_finish(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> list[Difference]:
    """Predictions after `postprocess`, from the same raw ones, fold by fold."""
    found = []
    for number, (old, new) in enumerate(zip(before, after), 1):
        changed = _differing_predictions(old, new)
        if changed is not None:
            count, size = changed
            reason = (
                f"fold {number}: from the same raw predictions {count:,} of {len(old):,} come out otherwise{_error(old, new)}"
            )
            found.append(Difference(RiskKind.POSTPROCESSING, "postprocess", f"fold {number}", reason, size))
    return found


def differing_scores(
    before: Sequence[Mapping[str, float]], after: Sequence[Mapping[str, float]], of: str = "the same predictions"
) -> list[Difference]:
    """Scores of the same predictions, fold by fold."""
    found = []
    for name in dict.fromkeys(name for scores in (*before, *after) for name in scores):
        pairs = [(old.get(name), new.get(name)) for old, new in zip(before, after)]
        apart = [(old, new) for old, new in pairs if not _same_number(old, new)]
        if apart:
            old, new = apart[0]
            reason = f"`{visible(name)}` of {of} is {_number(new)} instead of {_number(old)}"
            size = max(abs((new or 0.0) - (old or 0.0)) / (abs(old or 0.0) or 1.0) for old, new in apart)
            found.append(Difference(RiskKind.METRIC, "metrics", f"score {name}", reason, size if np.isfinite(size) else 1.0))
    return found


def differing_answers(before: Sequence[object], after: Sequence[object]) -> list[Difference]:
    """What `serve` made of the same requests: answers as mappings or texts, one each."""
    apart = [(old, new) for old, new in zip(before, after) if not _same_answer(old, new)]
    if not apart:
        return []
    names: list[Hashable] = []
    old, new = apart[0]
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        names = [name for name in dict.fromkeys([*old, *new]) if not _same_cell(old.get(name, ...), new.get(name, ...))]
    said = f" ({_listed(names)})" if names else ""
    reason = f"{len(apart)} of {len(before)} requests are answered otherwise{said}"
    return [Difference(RiskKind.SERVING, "serve", "answers", reason, len(apart) / max(len(before), 1))]


def _differing_predictions(before: np.ndarray, after: np.ndarray) -> tuple[int, float] | None:
    if len(before) != len(after):
        return max(len(before), len(after)), 1.0
    return _differing_values(pd.Series(before), pd.Series(after), PREDICTED_ROUNDING) if len(before) else None


def _error(before: np.ndarray, after: np.ndarray) -> str:
    if before.dtype.kind != "f" or after.dtype.kind != "f" or len(before) != len(after):
        return ""
    apart = np.abs(after - before)
    return f", by {float(np.nanmean(apart)):.4g} on average" if np.isfinite(apart).any() else ""


def _same_number(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is new
    if np.isnan(old) or np.isnan(new):
        return bool(np.isnan(old) and np.isnan(new))
    return old == new or abs(old - new) <= PREDICTED_ROUNDING * max(abs(old), abs(new))


def _same_answer(old: object, new: object) -> bool:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return list(old) == list(new) and all(_same_cell(old[name], new[name]) for name in old)
    return old == new


def _same_cell(old: object, new: object) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return _same_number(old, new)
    return type(old) is type(new) and old == new


def _number(value: float | None) -> str:
    return "not there" if value is None else f"{value:.6g}"


def _listed(names: Iterable[Hashable]) -> str:
    shown = [f"`{visible(str(name))}`" for name in names]
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")
