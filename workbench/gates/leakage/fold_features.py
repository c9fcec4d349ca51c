"""Features that know the test rows, or the labels, where the data have no time.

**What it does.** Builds the features again with everything changed that the sources say about rows outside a fold's training
part, twice: moved up, and drawn together in the middle. The training rows' features have to stay, and so have the training rows
(a trimming at quantiles of all rows loses some). Then with half of the labels changed: no feature may move, no row may leave.

**Why it is bad.** A scaler, an imputation, a selection or an encoding computed over all rows before the split has looked at the
test; a category replaced by its mean label tells each row its own answer.

**Leaking**

    frame["income"] = StandardScaler().fit_transform(frame[["income"]])
    frame["region"] = frame["region"].map(frame.groupby("region")["default"].mean())

**Repaired**

    def fit(train): return make_pipeline(TargetEncoder(), StandardScaler(), …).fit(train[X], train["default"])

**How it can be wrong.** Rows are found in the sources by the contract's entity; where a table has none, by a declared group or by
the table's own key. A table that can't be tied to rows isn't changed. Counts over all rows of a group are reported although they
may be known before: give such a use case a time. A column that isn't a feature is reported only where `fit` or `predict` read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit, Ints, Mask
from workbench.gates.leakage.refits import UP, cheapest_fold, read_by_model
from workbench.gates.rule import NotApplicable, NotExercised, Rule
from workbench.pipeline.asof import entity_keys
from workbench.pipeline.redraw import put, redraw

RELATIVE = 1e-9
_Change = Callable[[pd.Series, Mask, np.random.Generator], pd.Series]


@dataclass(frozen=True)
class _Rows:
    """How rows of the feature frame are told apart, and which rows of each source are theirs."""

    keys: pd.Index
    """One per row of the frame."""
    outside: Mapping[str, Mask]
    """Per source, the rows that say nothing about a training row."""
    train: Ints


@dataclass(frozen=True)
class _Moved:
    """What one changed world moved: `column` None is the choice of rows; `what` was changed."""

    column: str | None
    what: str
    rows: int
    of: int


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per column that moves, for test rows and for labels."""
    if audit.timed:
        raise NotApplicable("the contract has a time; leakage/future-feature looks at it")
    rows = _rows(audit)
    columns = _columns(audit)
    audit.probed(len(audit.features), "feature")
    moved: dict[tuple[str | None, str], _Moved] = {}
    for world in (_raised(audit, rows), _gathered(audit, rows)):
        for one in _compared(audit, rows, world, rows.train, columns, "rows outside the training part"):
            moved.setdefault((one.column, one.what), one)
    for one in _compared(audit, rows, _relabelled(audit, rows), np.arange(len(audit.frame)), columns, "labels"):
        moved.setdefault((one.column, one.what), one)
    if not moved:
        return
    trembling = {one.column for one in _compared(audit, rows, audit.tables, np.arange(len(audit.frame)), columns, "")}
    read = read_by_model(audit, sorted({c for c, _ in moved if c is not None and c not in audit.features} - trembling))
    for one in moved.values():
        if one.column not in trembling and (one.column is None or one.column in audit.features or one.column in read):
            yield _finding(audit, one.column, one.what, one.rows, one.of, "change" if one.column else "leave the feature frame")
    shaky = sorted(name for name in audit.features if name in trembling)
    if shaky:
        raise NotExercised(f"the feature `{shaky[0]}` isn't the same in two runs on the same tables")
    if None in trembling:
        raise NotExercised("the feature frame hasn't the same rows in two runs on the same tables")


def _columns(audit: Audit) -> list[str]:
    """Everything but keys, groups and target: what isn't a feature may be read all the same."""
    aside = {*audit.keys, audit.contract.prediction.target, *audit.contract.prediction.groups}
    return list(dict.fromkeys([*audit.features, *(str(name) for name in audit.frame.columns if name not in aside)]))


# Rows --------------------------------------------------------------------------------------------------------------


def _rows(audit: Audit) -> _Rows:
    train = np.unique(audit.folds[cheapest_fold(audit)].train)
    frame, entity = audit.frame, list(audit.contract.prediction.entity)
    outside = {}
    tied = [name for name, table in audit.tables.items() if entity and set(entity) <= set(table.columns)]
    for name, table in audit.tables.items():
        by = entity if name in tied else _link(audit, table, anything=not tied)
        if by:
            outside[name] = ~np.isin(entity_keys(table, by), entity_keys(frame, by)[train])
        elif not tied and _same_order(audit, table):
            outside[name] = ~np.isin(np.arange(len(table)), train)
    if not outside:
        words = f"has the columns {', '.join(entity)}" if entity else "can be tied to the rows of the feature frame"
        raise NotExercised(f"no source table {words}, so test rows can't be found in them; name the rows in `prediction.entity`")
    return _Rows(_numbered(frame, entity), outside, train)


def _link(audit: Audit, table: pd.DataFrame, *, anything: bool) -> list[str]:
    """The column that ties a table's rows to rows of the frame: a declared group, or (`anything`) a key of the table."""
    frame = audit.frame
    shared = [str(name) for name in table.columns if name in frame.columns]
    groups = [name for name in audit.contract.prediction.groups if name in shared]
    keys = [n for n in shared if table[n].is_unique and frame[n].isin(table[n]).all()] if anything else []
    unnamed = [name for name in keys if name != audit.contract.prediction.target and frame[name].nunique() > 2]
    return (groups or unnamed)[:1] if not anything else (unnamed or groups)[:1]


def _same_order(audit: Audit, table: pd.DataFrame) -> bool:
    """Whether a table without any key has its rows where the frame has them, as the target shows."""
    target = audit.contract.prediction.target
    if len(table) != len(audit.frame) or target not in table.columns:
        return False
    return not _differs(audit.frame[target], table[target].reset_index(drop=True)).any()


def _numbered(frame: pd.DataFrame, entity: list[str]) -> pd.Index:
    """One name per row: its entity, and the how-manieth row of that entity it is."""
    keys = pd.Series(entity_keys(frame, entity).to_numpy(dtype=object))
    times = keys.groupby(keys, sort=False).cumcount()
    return pd.Index(keys + "\x1f" + times.astype(str))


# Worlds ------------------------------------------------------------------------------------------------------------


def _raised(audit: Audit, rows: _Rows) -> dict[str, pd.DataFrame]:
    """Rows outside the training part moved up and apart."""
    return _outside(audit, rows, lambda column, cells, rng: redraw(column, cells, UP, rng))


def _gathered(audit: Audit, rows: _Rows) -> dict[str, pd.DataFrame]:
    """Rows outside the training part drawn together in the middle of their columns: limits close in, deviations shrink."""

    def gather(column: pd.Series, cells: Mask, rng: np.random.Generator) -> pd.Series:
        present = column.dropna()
        if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype) or present.nunique() <= 2:
            return redraw(column, cells, UP, rng)
        order = np.sort(present.to_numpy())
        middle = order[int(0.4 * len(order)) : max(int(0.6 * len(order)), int(0.4 * len(order)) + 1)]
        places = np.flatnonzero(cells & column.notna().to_numpy())
        return put(column, places, pd.Series(rng.choice(middle, len(places)))) if len(places) else column

    return _outside(audit, rows, gather)


def _outside(audit: Audit, rows: _Rows, change: _Change) -> dict[str, pd.DataFrame]:
    prediction = audit.contract.prediction
    kept = {*prediction.entity, *prediction.groups}
    world = dict(audit.tables)
    for source, cells in rows.outside.items():
        table = audit.tables[source]
        keys = {name for name in table.columns if name in audit.frame.columns and table[name].is_unique and _is_name(table[name])}
        fresh = {
            str(name): change(table[name], cells, np.random.default_rng([43, i]))
            for i, name in enumerate(table.columns)
            if name not in kept and name not in keys
        }
        world[source] = table.assign(**fresh)
    return world


def _is_name(column: pd.Series) -> bool:
    """Whether a column of values that come once can name rows: text or whole numbers."""
    return bool(pd.api.types.is_integer_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(column.dtype))


def _relabelled(audit: Audit, rows: _Rows) -> dict[str, pd.DataFrame]:
    """Half of the labels replaced by others that there are, extreme ones more often; what has no label gets none."""
    target = audit.contract.prediction.target
    labelled = [name for name in rows.outside if target in audit.tables[name].columns]
    if not labelled:
        raise NotExercised(f"no source table has the column `{target}`, so labels can't be changed in them")
    world = dict(audit.tables)
    rng = np.random.default_rng(41)
    for source in labelled:
        column = audit.tables[source][target]
        present = np.flatnonzero(column.notna().to_numpy())
        order = present[np.argsort(column.iloc[present].to_numpy(), kind="stable")]
        chosen = present[rng.random(len(present)) < 0.5]
        # Every second one from the ends, where a limit would be; the rest more from above, so that a mean moves.
        few, place = max(2, len(order) // 100), rng.random(len(chosen))
        ends = np.where(place < 0.5, 2 * place * few, len(order) - 1 - 2 * (place - 0.5) * few).astype(int)
        above = (len(order) * np.sqrt(rng.random(len(chosen)))).astype(int)
        donors = order[np.where(rng.random(len(chosen)) < 0.5, np.clip(ends, 0, len(order) - 1), above)]
        again = order[(len(order) * rng.random(len(chosen))).astype(int)]
        same = (column.iloc[donors].reset_index(drop=True) == column.iloc[chosen].reset_index(drop=True)).to_numpy(dtype=bool)
        donors = np.where(same, again, donors)
        world[source] = audit.tables[source].assign(**{target: put(column, chosen, column.iloc[donors].reset_index(drop=True))})
    return world


# Comparing ---------------------------------------------------------------------------------------------------------


def _compared(
    audit: Audit, rows: _Rows, world: Mapping[str, pd.DataFrame], asked: Ints, columns: list[str], what: str
) -> Iterable[_Moved]:
    again = _rebuilt(audit, rows, world)
    there = again["\0there"].notna().to_numpy()
    gone = asked[~there[asked]]
    if len(gone):
        yield _Moved(None, what, len(gone), len(asked))
    kept = asked[there[asked]]
    for name in columns:
        differs = (
            _differs(audit.frame[name].iloc[kept], again[name].iloc[kept])
            if name in again.columns
            else np.ones(len(kept), dtype=bool)
        )
        if differs.any():
            yield _Moved(name, what, int(differs.sum()), len(asked))


def _rebuilt(audit: Audit, rows: _Rows, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The feature frame of a changed world in the order of the base frame; rows that are gone are missing throughout."""
    frame = audit.pipeline.run(tables, until="features").frame
    if frame is None:
        raise NotExercised("the features stage gave no frame in the changed world")
    again = _numbered(frame, list(audit.contract.prediction.entity))
    return frame.assign(**{"\0there": 1.0}).set_axis(again, axis=0).reindex(rows.keys).reset_index(drop=True)


def _finding(audit: Audit, column: str | None, what: str, count: int, of: int, verb: str) -> Finding:
    subject = f"`{column}`" if column else "The choice of rows"
    labels = what == "labels"
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="features",
        column=column,
        source=audit.contract.prediction.target if labels else "test rows",
        rows=count,
        evidence=[Measurement(name=f"rows that {verb}", value=count, expected="0", unit=f"of {of:,}")],
        message=f"{subject} knows the {'outcomes' if labels else 'test'}: {count:,} of {of:,} "
        f"{'' if labels else 'training '}rows {verb} when only {what} are changed.",
        remedy="Compute it from the row alone, or move what is learnt over rows (scaling, imputing, selecting, encoding) "
        "into `fit`.",
        location=audit.location("features"),
    )


def _differs(before: pd.Series, after: pd.Series) -> Mask:
    missing = before.isna().to_numpy() != after.isna().to_numpy()
    both = (before.notna().to_numpy()) & (after.notna().to_numpy())
    if pd.api.types.is_numeric_dtype(before.dtype) and pd.api.types.is_numeric_dtype(after.dtype):
        a = before.to_numpy(dtype="float64", na_value=np.nan)
        b = after.to_numpy(dtype="float64", na_value=np.nan)
        spread = float(np.nanstd(a)) if both.any() else 0.0
        with np.errstate(invalid="ignore"):
            differs: Mask = missing | (both & ~np.isclose(a, b, rtol=RELATIVE, atol=RELATIVE * spread))
        return differs
    differs = missing | (both & (before.astype(object).to_numpy() != after.astype(object).to_numpy()))
    return differs


rule = Rule("leakage/fold-features", "features", "Features know the test rows or the labels (no time).", check)
