"""What a leaking feature is worth: fitted and predicted again with the column repaired, the rows and folds as they are.

Dropping a column breaks code that names it, so it stays and its values change, in training and test rows alike. In order of
preference:

* **lagged**: the finding says how far in the future the column reads. The same column of an earlier row of the same entity, at
  least that much earlier, reads nothing that isn't known: the repair that the finding recommends, and all that is honest in the
  feature stays in. Where only few rows read the future, nobody knows which ones throughout a test; then the effect is taken in
  proportion, and the interval reaches from nothing to all of it.
* **as of**: where it reads to the end of the tables (a mean, a scale, a rank, an encoding over all rows), no lag is long enough.
  The features are built once in the world as it stood at the latest fold's first prediction. Where the newest honest values are
  a function of the leaking ones (another scale, other category means), the column is carried over by that function.
* **blind**: else the column is made constant, and the effect is an upper bound: what was honest in the column goes with it.

Where several features leak, each hides behind the others: all are repaired, and each is then judged by what it adds alone.
Without a time the world is one in which the test rows, or their labels, are absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.findings import Effect, Finding, MovedCell
from workbench.gates.effect_carry import carried
from workbench.gates.effect_scores import Compared, effect_of, fits_apart
from workbench.gates.effect_splits import affordable, on_folds, refit
from workbench.gates.facts import Audit, Floats, Ints, Mask
from workbench.gates.rule import NotExercised
from workbench.gates.spans import span_words
from workbench.pipeline.asof import Cut, entity_keys, known_times
from workbench.pipeline.results import Fold
from workbench.pipeline.times import nanoseconds, target_times
from workbench.pipeline.worlds import truncated

ALONE = 8
"""So many leaking columns are also judged each by itself."""
COVERED = 0.5
"""Share of the test rows that has to have a lagged value for a lag to be the repair."""
MANY = 0.5
NEWEST = 0.1
FEWEST = 30
FEW = 5


@dataclass(frozen=True)
class Repair:
    """A column without its leak: its values for every row, and in words what was done.

    `bound` where more than the leak was taken away; `part` the share of rows that reads the future, where that isn't most.
    """

    values: pd.Series
    words: str
    bound: bool = False
    part: float = 1.0
    last_fold: bool = False
    """Whether it is honest for the latest fold alone."""
    lacking: Mask | None = None
    """Rows that have no honest value: they aren't trained on where enough others are left."""


def is_leak(audit: Audit, finding: Finding) -> bool:
    """Whether the finding is about what a column of the feature frame knows."""
    prediction = audit.contract.prediction
    if finding.stage != "features" or finding.column is None or finding.column not in audit.frame.columns:
        return False
    if finding.column in {prediction.target, *audit.keys}:
        return False
    family, _, name = finding.rule.partition("/")
    if name == "future-feature":  # also says what is constant or unstable, which tells nothing
        return finding.lookahead is not None or any(isinstance(evidence, MovedCell) for evidence in finding.evidence)
    return family in ("leakage", "availability", "proxy")


def repaired(audit: Audit, findings: Sequence[Finding]) -> dict[str, Effect]:
    """Column → effect, for findings that `is_leak` takes. Raises NotExercised and PipelineError where nothing can be measured."""
    by_column: dict[str, list[Finding]] = {}
    for finding in findings:
        by_column.setdefault(str(finding.column), []).append(finding)
    repairs = _Repairs(audit)
    chosen = {column: repairs.of(column, found) for column, found in by_column.items()}
    folds = affordable(audit)
    if not folds:
        raise NotExercised("no fold has rows on both sides")
    lacking = np.any([repair.lacking for repair in chosen.values() if repair.lacking is not None], axis=0)
    trained = [_trained(audit.folds[i], lacking) for i in folds]
    whole = _predicted(audit, {column: repair.values for column, repair in chosen.items()}, folds, trained)
    claimed = {i: np.asarray(audit.base.fold_runs[i].predictions) for i in folds}
    spread = fits_apart(audit, folds)
    if len(chosen) == 1:
        ((column, repair),) = chosen.items()
        return {column: _effect(audit, repair, claimed, whole, folds, f"`{column}` {repair.words}", spread)}
    effects = {}
    for column, repair in list(chosen.items())[:ALONE]:
        others = {name: other.values for name, other in chosen.items() if name != column}
        alone = _predicted(audit, others, folds, trained)
        rest = "the other leaking column" if len(others) == 1 else f"the other {len(others)} leaking columns"
        words = f"`{column}` {repair.words}, {rest} repaired before and after"
        effects[column] = _effect(audit, repair, alone, whole, folds, words, spread)
    for column in list(chosen)[ALONE:]:
        words = f"all {len(chosen)} leaking columns repaired together, not each alone; `{column}` {chosen[column].words}"
        effects[column] = _effect(audit, chosen[column], claimed, whole, folds, words, spread)
    return effects


def _trained(fold: Fold, lacking: Mask | np.bool_) -> Fold:
    """The fold without the training rows that lack an honest value, where enough are left."""
    left = fold.train[~lacking[fold.train]] if isinstance(lacking, np.ndarray) and lacking.shape else fold.train
    return Fold(left, fold.test) if len(left) >= max(FEWEST, MANY * len(fold.train)) else fold


def _predicted(
    audit: Audit, columns: Mapping[str, pd.Series], folds: Sequence[int], trained: list[Fold]
) -> dict[int, np.ndarray]:
    runs = refit(audit, trained, audit.frame.assign(**columns))
    return {i: np.asarray(run.predictions) for i, run in zip(folds, runs, strict=True)}


def _effect(
    audit: Audit,
    repair: Repair,
    claimed: Mapping[int, np.ndarray],
    honest: Mapping[int, np.ndarray],
    folds: list[int],
    words: str,
    spread: float,
) -> Effect:
    asked = [folds[-1]] if repair.last_fold else folds
    parts = [(np.asarray(audit.folds[i].test, dtype="int64"), claimed[i], honest[i]) for i in asked]
    how = f"{words}, fitted again{on_folds(audit, asked)}"
    found = effect_of(audit, Compared.of(parts), how, spread=spread)
    if repair.bound:
        return found.model_copy(update={"how": f"at most: {found.how} What was honest in the column is taken away with it."})
    if repair.part < MANY and found.gain is not None and found.low is not None and found.high is not None:
        gain = repair.part * found.gain
        sign = 1 if audit.contract.metrics and audit.contract.metrics.direction == "minimize" else -1
        return found.model_copy(
            update={
                "gain": gain, "honest": (found.claimed or 0.0) + sign * gain,
                "low": min(0.0, found.low, gain), "high": max(0.0, found.high, gain),
                "how": f"an estimate: about {100 * repair.part:.2g} % of the rows read the future, taken in proportion of "
                f"what the whole column costs; the interval reaches from none to all. {found.how}",
            }
        )  # fmt: skip
    return found


class _Repairs:
    """Repairs for columns; the honest world is built once, when the first column needs it."""

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        self._worlds: dict[str, tuple[pd.DataFrame, Ints] | str] = {}

    def of(self, column: str, findings: Sequence[Finding]) -> Repair:
        """The best repair of a column that there is."""
        if not self.audit.timed:
            return self._without_test(column, findings)
        ahead = [int(pd.Timedelta(f.lookahead).as_unit("ns").value) for f in findings if f.lookahead]
        if ahead and max(ahead) > 0:
            lagged = self._lagged(column, max(ahead))
            if lagged is not None:
                part = self._share(column, max(ahead), max(f.rows or 0 for f in findings))
                values, lacking = lagged
                return Repair(values, f"taken from the row {span_words(max(ahead))} earlier", part=part, lacking=lacking)
        seen = self._world("as of")
        if not isinstance(seen, str):
            world, rows = seen
            values = carried(self.audit.frame[column], rows, _aligned(world, column, len(rows)), self._newest(rows))
            if values is not None:
                words = "carried over to its values as of the latest fold's first prediction"
                return Repair(values, words, last_fold=True)
        return self._blind(column)

    def _blind(self, column: str) -> Repair:
        return Repair(blind(self.audit.frame[column]), "made blind (the same value in every row)", bound=True)

    def _lagged(self, column: str, ahead: int) -> tuple[pd.Series, Mask] | None:
        """The column of the newest row of the same entity that was predicted at least `ahead` earlier, and which rows have none;
        None where few have one."""
        audit, frame = self.audit, self.audit.frame
        made = audit.times.prediction
        entity = pd.factorize(entity_keys(frame, audit.contract.prediction.entity))[0]
        usable = np.flatnonzero(made < np.iinfo(np.int64).max - ahead)
        earlier = pd.DataFrame({"at": made[usable] + ahead, "entity": entity[usable], "row": usable})
        asked = pd.DataFrame({"at": made, "entity": entity, "order": np.arange(len(made))})
        found = pd.merge_asof(
            asked.sort_values("at", kind="stable"), earlier.sort_values("at", kind="stable"), on="at", by="entity"
        )
        rows = found.sort_values("order")["row"].to_numpy()
        there = np.isfinite(rows)
        test = np.unique(np.concatenate([fold.test for fold in audit.folds]))
        if there[test].mean() < COVERED:
            return None
        values = frame[column].take(np.where(there, rows, 0).astype("int64")).reset_index(drop=True)
        if frame[column].isna().any() and not pd.api.types.is_bool_dtype(frame[column].dtype):
            return values.where(there), np.zeros(len(there), dtype=bool)  # the pipeline knows what to do with a missing value
        return values.where(there, blind(frame[column])), ~there

    def _share(self, column: str, ahead: int, moved: int) -> float:
        """About which share of the rows reads the future: of those so near to the world's cut that it would show."""
        least = moved / max(len(self.audit.frame), 1)
        seen = self._world("as of")
        if isinstance(seen, str):
            return 1.0
        world, rows = seen
        after = _aligned(world, column, len(rows))
        before = self.audit.frame[column].iloc[rows].reset_index(drop=True)
        told = (before.notna() | after.notna()).to_numpy()
        made = self.audit.times.prediction[rows]
        differs = _differs(before, after)
        for near in (ahead // 2, ahead):
            close = told & (made > int(made.max()) - near)
            if close.sum() >= FEW:
                return max(least, float(differs[close].mean()))
        return 1.0

    def _newest(self, rows: Ints) -> Mask:
        """Of the world's rows, those predicted last: what they hold is what was known then."""
        made = self.audit.times.prediction[rows]
        count = min(len(rows), max(FEWEST, int(NEWEST * len(rows))))
        least = np.sort(made)[-count] if count else 0
        newest: Mask = made >= least
        return newest

    def _world(self, kind: str) -> tuple[pd.DataFrame, Ints] | str:
        """The feature frame as of the latest fold's first prediction, and the positions of its rows in the base frame."""
        if kind not in self._worlds:
            try:
                self._worlds[kind] = self._as_of()
            except (PipelineError, NotExercised) as error:
                self._worlds[kind] = str(error)
        return self._worlds[kind]

    def _as_of(self) -> tuple[pd.DataFrame, Ints]:
        audit = self.audit
        latest = affordable(audit)[-1]
        cut = Cut(int(audit.times.prediction[audit.folds[latest].test].min()))
        world = audit.pipeline.run(
            truncated(audit.tables, known_times(audit.contract, audit.tables), cut), until="features"
        ).frame
        if world is None:
            raise NotExercised("the features stage gave no frame in the world as of the latest fold")
        return _matched(audit, world, audit.times.prediction <= cut.at)

    # Without a time --------------------------------------------------------------------------------------------------

    def _without_test(self, column: str, findings: Sequence[Finding]) -> Repair:
        target = self.audit.contract.prediction.target
        by_label = any(f.source == target for f in findings)
        by_rows = any(f.source != target for f in findings)
        seen = self._world_without("labels" if by_label and not by_rows else "rows")
        if isinstance(seen, str):
            return self._blind(column)
        world, rows = seen
        after = _aligned(world, column, len(rows))
        if by_label and not by_rows and len(rows) == len(self.audit.frame):
            values = self.audit.frame[column].copy()
            values.iloc[rows] = after.array
            return Repair(values, "built without the latest fold's test labels", last_fold=True)
        values_or_none = carried(self.audit.frame[column], rows, after, np.ones(len(rows), dtype=bool))
        if values_or_none is None:
            return self._blind(column)
        return Repair(values_or_none, "carried over to its values without the latest fold's test rows", last_fold=True)

    def _world_without(self, kind: str) -> tuple[pd.DataFrame, Ints] | str:
        if kind not in self._worlds:
            try:
                self._worlds[kind] = self._built_without(kind)
            except (PipelineError, NotExercised) as error:
                self._worlds[kind] = str(error)
        return self._worlds[kind]

    def _built_without(self, kind: str) -> tuple[pd.DataFrame, Ints]:
        audit = self.audit
        entity, target = list(audit.contract.prediction.entity), audit.contract.prediction.target
        train = audit.folds[affordable(audit)[-1]].train
        inside = entity_keys(audit.frame, entity)[train]
        tables = {}
        for name, table in audit.tables.items():
            if not set(entity) <= set(table.columns):
                tables[name] = table
                continue
            outside = ~np.isin(entity_keys(table, entity), inside)
            if kind == "rows":
                tables[name] = table[~outside].reset_index(drop=True)
            elif target in table.columns:
                tables[name] = table.assign(**{target: table[target].mask(outside)})
            else:
                tables[name] = table
        world = audit.pipeline.run(tables, until="features").frame
        if world is None:
            raise NotExercised("the features stage gave no frame without the test")
        return _matched(audit, world, np.ones(len(audit.frame), dtype=bool))


def _matched(audit: Audit, world: pd.DataFrame, comparable: Mask) -> tuple[pd.DataFrame, Ints]:
    """The rows of a world that the base frame has, too, once each, and their positions there."""
    mine, theirs = (_row_names(audit, frame) for frame in (audit.frame, world))
    if not mine.is_unique or not theirs.is_unique:
        raise NotExercised("the rows of a changed world can't be matched by key")
    places = mine.get_indexer(theirs)
    kept = (places >= 0) & np.where(places >= 0, comparable[places], False)
    if kept.sum() < FEWEST:
        raise NotExercised(f"the changed world has fewer than {FEWEST} rows in common")
    order = np.argsort(places[kept], kind="stable")
    rows: Ints = places[kept][order].astype("int64")
    return world[kept].iloc[order].reset_index(drop=True), rows


def _row_names(audit: Audit, frame: pd.DataFrame) -> pd.Index:
    missing = [name for name in audit.keys if name not in frame.columns]
    if missing:
        raise NotExercised(f"the changed world's frame lacks `{missing[0]}`")
    names = entity_keys(frame, audit.contract.prediction.entity)
    if not audit.timed:
        return names
    about = nanoseconds(target_times(audit.contract, frame), np.iinfo(np.int64).max)
    return pd.Index(names.to_numpy() + "\x1f" + about.astype(str).astype(object))


def _aligned(world: pd.DataFrame, column: str, count: int) -> pd.Series:
    if column not in world.columns:
        return pd.Series([None] * count, dtype=object)
    return world[column].reset_index(drop=True)


def _differs(before: pd.Series, after: pd.Series) -> Mask:
    gone: Mask = before.isna().to_numpy() != after.isna().to_numpy()
    both: Mask = before.notna().to_numpy() & after.notna().to_numpy()
    if pd.api.types.is_numeric_dtype(before.dtype) and pd.api.types.is_numeric_dtype(after.dtype):
        a, b = (_numbers(column) for column in (before, after))
        size = float(np.nanmedian(np.abs(a))) if both.any() else 0.0
        with np.errstate(invalid="ignore"):
            apart: Mask = np.abs(a - b) > 1e-9 * np.maximum(np.abs(a), size)
        return np.asarray(gone | (both & apart))
    other: Mask = before.astype(object).to_numpy() != after.astype(object).to_numpy()
    return np.asarray(gone | (both & other))


def _numbers(column: pd.Series) -> Floats:
    return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))


def blind(column: pd.Series) -> pd.Series:
    """The column with one value in every row, of its own dtype: the median, or the most frequent value."""
    there = column.dropna()
    if not len(there):
        return column.copy()
    if pd.api.types.is_float_dtype(column.dtype):
        value = float(there.median())
    elif pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        value = there.sort_values().iloc[(len(there) - 1) // 2]
    else:
        value = there.mode().iloc[0]
    made = column.copy()
    made.iloc[:] = value
    return made
