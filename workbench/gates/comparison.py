"""Is a row of the feature frame the same in two worlds? Rows matched by key, values compared down to rounding.

Rows made at or before the cutoff have to be the same. What is allowed for: rounding that the pipeline shows by itself (two runs
on the same tables), and a few units in the last place, since the number of rows, a missing value anywhere in a column or an
online rolling sum changes how floats are added up. A column that isn't stable by itself can't be verified, and is said to be so.
Where cuts are put is in `cutoffs.py`, what a moved value was read from in `attribution.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.pipeline.asof import Cut, entity_keys
from workbench.pipeline.times import duration, nanoseconds, prediction_times, target_times

if TYPE_CHECKING:
    from workbench.pipeline.contract import Contract

_NO_TIME = np.iinfo(np.int64).max
_EPSILON = float(np.finfo(np.float64).eps)
_NUMBERS = frozenset({"boolean", "integer", "floating", "mixed-integer-float"})
_STABLE = 1e-6
"""Differences between two runs on the same tables beyond this share of a column's size are not rounding."""


@dataclass(frozen=True)
class RowTimes:
    """Per row of a feature frame, int64 nanoseconds UTC (the greatest number where missing), and the key that names the row."""

    predicted: np.ndarray
    label_known: np.ndarray
    target: np.ndarray
    keys: np.ndarray
    """uint64: entity and target time (and prediction time where it is a column of its own)."""

    @classmethod
    def of(cls, contract: Contract, frame: pd.DataFrame) -> RowTimes:
        """Raises PipelineError where the frame lacks a key column or its times can't be read."""
        about = target_times(contract, frame)
        target = nanoseconds(about, _NO_TIME)
        label_known = nanoseconds(about + duration(contract.prediction.label_known_after), _NO_TIME)
        own_column = contract.prediction.prediction_time is not None
        made = prediction_times(contract, frame) if own_column else about - duration(contract.prediction.horizon)
        predicted = nanoseconds(made, _NO_TIME)
        key = {"entity": entity_keys(frame, contract.prediction.entity), "target": target}
        if own_column:
            key["predicted"] = predicted
        hashed = pd.util.hash_pandas_object(pd.DataFrame(key), index=False).to_numpy()
        return cls(predicted, label_known, target, hashed)


def judged_columns(contract: Contract, frame: pd.DataFrame) -> list[str]:
    """The features: those listed in the contract, else every column but entity, times, target and groups."""
    if contract.prediction.features is not None:
        return list(contract.prediction.features)
    return _other_columns(contract, frame, frozenset())


def unlisted_columns(contract: Contract, frame: pd.DataFrame) -> list[str]:
    """Columns of the frame that are neither features nor keys nor the target."""
    return _other_columns(contract, frame, frozenset(judged_columns(contract, frame)))


def _other_columns(contract: Contract, frame: pd.DataFrame, features: frozenset[str]) -> list[str]:
    of = contract.prediction
    apart = {*of.entity, *of.groups, of.target, of.target_time, of.prediction_time} | features
    return [str(column) for column in frame.columns if column not in apart]


@dataclass(frozen=True)
class Opened:
    """Rows by entity key, target time and when their label is known (int64 ns)."""

    entities: pd.Index
    target: np.ndarray
    label_known: np.ndarray


@dataclass
class Comparison:
    """What one world moved, in positions of the base frame."""

    moved: dict[str, np.ndarray] = field(default_factory=dict)
    """Column → positions of rows whose value differs."""
    after: dict[str, pd.Series] = field(default_factory=dict)
    """Column → the other values of those rows, in the same order."""
    vanished: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Rows made by the cut, with a label known by it, that the world doesn't have."""
    appeared: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Rows of the world (its positions) made by the cut, with a label known by it, that the base doesn't have."""
    opened: Opened | None = None
    """Rows of the world, made by the cut, with an outcome known after it, that the base doesn't have."""
    compared: int = 0
    pending: int = 0
    """Compared rows whose outcome isn't known at the cut: the rows that would be served live."""
    absent: list[str] = field(default_factory=list)
    """Judged columns that the world's frame doesn't have and that say nothing in the base's rows either."""
    label_moved: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Rows whose target moved though the contract says that their label is known at the cut."""

    @property
    def differs(self) -> bool:
        """Whether anything that should have stayed did not."""
        return bool(self.moved) or len(self.vanished) + len(self.appeared) + len(self.label_moved) > 0


class Reference:
    """The base frame, ready to be compared with: keys, times, tolerance by column.

    Which columns are stable, and how much they tremble, is known when `measure` was given another run on the same tables.
    A comparison that finds no difference needs none.
    """

    def __init__(self, contract: Contract, frame: pd.DataFrame, columns: Sequence[str]) -> None:
        self.contract = contract
        self.frame = frame.reset_index(drop=True)
        self.rows = RowTimes.of(contract, self.frame)
        self.named = _numbered_keys(self.rows.keys)
        self.counts = pd.Series(self.rows.keys).map(pd.Series(self.rows.keys).value_counts()).to_numpy()
        self.entities = entity_keys(self.frame, contract.prediction.entity)
        self.noise: dict[str, float] = {}
        self.unstable: list[str] = []
        self.stable_rows = True
        self.measured = False
        self.columns = [column for column in columns if column in self.frame.columns]
        self.sizes = {column: _size(self.frame[column]) for column in self.columns}

    def measure(self, repeat: pd.DataFrame) -> None:
        """Takes another run on the same tables and learns from it what differs by itself."""
        self.measured = True
        repeat = repeat.reset_index(drop=True)
        other = RowTimes.of(self.contract, repeat)
        if len(repeat) != len(self.frame) or not np.array_equal(np.sort(other.keys), np.sort(self.rows.keys)):
            self.stable_rows = False
            return
        mine, theirs = _matched(self.named, _numbered_keys(other.keys))
        for column in self.columns:
            if column not in repeat.columns:
                self.unstable.append(column)
                continue
            before, after = self.frame[column].iloc[mine], repeat[column].iloc[theirs]
            size = self.sizes[column]
            differs, largest = _differences(before, after, 0.0, 0.0)
            if differs.any() and not largest <= _STABLE * size:
                self.unstable.append(column)
            self.noise[column] = 4 * largest if differs.any() else 0.0

    def compare(self, world: pd.DataFrame, cut: Cut) -> Comparison:
        """Compares the rows predicted at or before the (entity's) cut. Raises PipelineError where the frame has lost its keys."""
        world = world.reset_index(drop=True)
        rows = RowTimes.of(self.contract, world)
        mine_cut, world_cut = cut.rows(self.frame), cut.rows(world)
        made = self.rows.predicted <= mine_cut
        settled = made & (self.rows.label_known <= mine_cut)
        result = Comparison()
        counts = pd.Series(rows.keys).value_counts()
        there = pd.Series(self.rows.keys).map(counts).fillna(0).to_numpy(dtype=np.int64)
        # Several rows with one key are told apart by their order alone; when their number differs, nobody knows which is which.
        same_number = there == self.counts
        named = _numbered_keys(rows.keys)
        # A row without an outcome teaches and proves nothing: a grid over all entities ever seen has such rows.
        target = self.contract.prediction.target
        result.vanished = np.flatnonzero(settled & _present(self.frame, target) & ~np.isin(self.named, named))
        new = (rows.predicted <= world_cut) & _present(world, target) & ~np.isin(named, self.named)
        result.appeared = np.flatnonzero(new & (rows.label_known <= world_cut))
        late = new & (rows.label_known > world_cut) & (rows.label_known != _NO_TIME)
        if late.any():
            entities = entity_keys(world[late], self.contract.prediction.entity)
            result.opened = Opened(entities, rows.target[late], rows.label_known[late])
        mine, theirs = _matched(self.named, named)
        usable = made[mine] & same_number[mine]
        mine, theirs = mine[usable], theirs[usable]
        result.compared = len(mine)
        result.pending = int((self.rows.label_known[mine] > mine_cut[mine]).sum())
        for column in self.columns:
            if column not in self.unstable:
                self._compare_column(column, world, mine, theirs, result)
        if target in world.columns and target in self.frame.columns:
            known = settled[mine]
            differs, _ = _differences(self.frame[target].iloc[mine[known]], world[target].iloc[theirs[known]], 1e-9, 0.0)
            result.label_moved = mine[known][differs]
        return result

    def _compare_column(self, column: str, world: pd.DataFrame, mine: np.ndarray, theirs: np.ndarray, result: Comparison) -> None:
        before = self.frame[column].iloc[mine]
        if column not in world.columns:
            # A column of zeros that a world hasn't heard of (one-hot of a later category) is the same column of zeros.
            if before.nunique(dropna=False) > 1:
                result.moved[column] = mine[(before != before.mode().iloc[0]).to_numpy(dtype=bool, na_value=True)]
                result.after[column] = pd.Series([None] * len(result.moved[column]), dtype=object)
            else:
                result.absent.append(column)
            return
        after = world[column].iloc[theirs]
        relative = 4 * _EPSILON * max(8, len(self.frame))
        if before.dtype in (np.float32, np.float16):  # sums in half the precision: of what, the column doesn't show
            relative = max(relative, 64 * float(np.finfo(before.dtype).eps))
        differs, _ = _differences(before, after, relative, self.noise.get(column, 0.0), size=self.sizes.get(column, 0.0))
        if differs.any():
            result.moved[column] = mine[differs]
            result.after[column] = after[differs].reset_index(drop=True)


def _present(frame: pd.DataFrame, column: str) -> np.ndarray:
    return frame[column].notna().to_numpy() if column in frame.columns else np.ones(len(frame), dtype=bool)


def _numbered_keys(keys: np.ndarray) -> np.ndarray:
    """Keys that also tell rows of the same key apart, by their order."""
    order = pd.Series(keys).groupby(keys).cumcount().to_numpy()
    named: np.ndarray = pd.util.hash_pandas_object(pd.DataFrame({"key": keys, "order": order}), index=False).to_numpy()
    return named


def _matched(mine: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the keys that both have, in the order of `mine`."""
    places = pd.Index(theirs).get_indexer(pd.Index(mine))
    found = np.flatnonzero(places >= 0)
    return found, places[found]


def _size(column: pd.Series) -> float:
    """How large a column's numbers are; a sentinel such as 1e12, however frequent, counts once."""
    numbers = _as_numbers(column)
    if numbers is None:
        return 0.0
    values = np.unique(np.abs(numbers[np.isfinite(numbers)]))
    values = values[values > 0]
    return float(np.median(values)) if len(values) else 0.0


def _as_numbers(column: pd.Series) -> np.ndarray | None:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
        column = column.astype(dtype if not pd.api.types.is_integer_dtype(dtype) else "float64")
    if pd.api.types.is_complex_dtype(dtype):
        return None
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))
    if pd.api.types.is_object_dtype(dtype) and pd.api.types.infer_dtype(column, skipna=True) in _NUMBERS:
        return np.asarray(pd.to_numeric(column.astype("Float64"), errors="coerce").to_numpy(dtype="float64", na_value=np.nan))
    return None


def _whole(column: pd.Series) -> bool:
    return bool(pd.api.types.is_integer_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype))


def _differences(
    before: pd.Series, after: pd.Series, relative: float, absolute: float, *, size: float = 0.0
) -> tuple[np.ndarray, float]:
    """Which values differ by more than rounding, and the largest difference (infinite where it isn't one of numbers)."""
    if len(before) == 0:
        return np.empty(0, dtype=bool), 0.0
    missing_before, missing_after = before.isna().to_numpy(), after.isna().to_numpy()
    one_missing = missing_before != missing_after
    both_there = ~missing_before & ~missing_after
    if _whole(before) and _whole(after) and before.dtype != bool:
        plain = isinstance(before.dtype, np.dtype) and isinstance(after.dtype, np.dtype)
        kind = None if plain else "object"
        exact = before.to_numpy(dtype=kind) != after.to_numpy(dtype=kind)
        numbers = np.where(both_there, exact, False).astype(bool)
        gap = _as_gap(before[numbers], after[numbers])
        return one_missing | numbers, np.inf if one_missing.any() else gap
    left, right = _as_numbers(before), _as_numbers(after)
    if left is not None and right is not None:
        with np.errstate(invalid="ignore", over="ignore"):
            gaps = np.abs(left - right)
            allowed = np.maximum(relative * np.maximum(np.abs(left), size), absolute)
        infinite = ~np.isfinite(left) | ~np.isfinite(right)
        differs = np.where(infinite, left != right, gaps > allowed) & both_there
        largest = float(np.max(gaps[differs], initial=0.0)) if not np.isnan(gaps[differs]).any() else np.inf
        return differs | one_missing, np.inf if one_missing.any() else largest
    texts = (_plain(before) != _plain(after)) & both_there
    return texts | one_missing, np.inf if (texts | one_missing).any() else 0.0


def _as_gap(before: pd.Series, after: pd.Series) -> float:
    pairs = zip(before.astype(object), after.astype(object))
    return float(max((abs(int(one) - int(other)) for one, other in pairs), default=0))


def _plain(column: pd.Series) -> np.ndarray:
    """Values of any kind in a form that compares by what they say; times by instant."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC")
    values = column.astype(object).map(lambda value: value if isinstance(value, str) else str(value))
    return np.asarray(values.to_numpy(dtype=object))
