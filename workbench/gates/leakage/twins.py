"""Which rows are rich enough that another row like them is a copy and not a coincidence.

Short frames of codes and zeros repeat by themselves: two quiet Sundays look alike and nobody copied anything. So the rules on
duplicates judge only rows that carry several rare values, and only where rows that agree *almost* (in all columns but one) are
far fewer than those that agree fully: coincidence has near misses, a copy has none. No rule of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.gates.facts import Audit, Ints, Mask
from workbench.gates.leakage.overlap import row_keys

Hashes = np.ndarray[Any, np.dtype[np.uint64]]

RARE_CELLS = 2
NEAR_MISSES = 0.1
"""Near misses per full match from which matches count as coincidence."""
FEW = 400
FEWEST = 8


def judged_columns(audit: Audit) -> list[str]:
    """Features and target: what makes two rows the same to a model."""
    names = [*audit.features, audit.contract.prediction.target]
    return [name for name in dict.fromkeys(names) if name in audit.frame.columns]


def column_hashes(frame: pd.DataFrame, columns: list[str]) -> Hashes:
    """One 64-bit number per column and row, salted by column: their sum over columns is a row's hash."""
    rng = np.random.default_rng(4)
    hashed = np.empty((len(columns), len(frame)), dtype="uint64")
    for i, name in enumerate(columns):
        salt = rng.integers(1, 2**63, dtype="uint64") | np.uint64(1)
        with np.errstate(over="ignore"):
            hashed[i] = (pd.util.hash_pandas_object(frame[name], index=False).to_numpy() ^ salt) * salt
    return hashed


def rare_cells(audit: Audit, columns: list[str]) -> np.ndarray[Any, np.dtype[np.int8]]:
    """How telling each cell is (columns by rows): 1 where few rows have its value, 2 where hardly any value comes twice.

    Zero, and columns that are facts of the entity or of the calendar, tell nothing.
    """
    frame = audit.frame
    telling = np.zeros((len(columns), len(frame)), dtype="int8")
    limit = max(10.0, 0.005 * len(frame))
    for i, name in enumerate(columns):
        values = frame[name]
        if _repeats(audit, name) or not pd.api.types.is_numeric_dtype(values.dtype) or values.dtype == bool:
            continue
        counts = values.value_counts()
        rare = ((values.map(counts) <= limit) & (values != 0)).to_numpy(dtype=bool)
        telling[i] = rare * (2 if len(counts) >= 0.5 * values.notna().sum() else 1)
    return telling


def _repeats(audit: Audit, name: str) -> bool:
    """Whether a column is constant, a fact of the entity, or of the calendar: such values come again by nature."""
    frame, values = audit.frame, audit.frame[name]
    distinct = values.nunique(dropna=False)
    if distinct <= 1:
        return True
    by = audit.contract.prediction.entity
    if all(key in frame.columns for key in by):
        groups = frame.groupby(list(by), sort=False, dropna=False, observed=True)[name]
        if groups.ngroups < 0.5 * len(frame) and bool((groups.nunique(dropna=False) <= 1).all()):
            return True
    clock = audit.contract.prediction.target_time
    if clock and distinct <= FEW and frame[clock].nunique() < len(frame):
        return bool((frame.groupby(clock, sort=False, dropna=False)[name].nunique(dropna=False) <= 1).all())
    return False


def _prepared(audit: Audit) -> tuple[list[str], Hashes, np.ndarray[Any, np.dtype[np.int8]], Ints]:
    def prepare() -> tuple[list[str], Hashes, np.ndarray[Any, np.dtype[np.int8]], Ints]:
        columns = judged_columns(audit)
        return columns, column_hashes(audit.frame, columns), rare_cells(audit, columns), row_keys(audit)

    return audit.once("twins", prepare)


def exact_twins(audit: Audit, index: int) -> Ints:
    """Test rows of a fold that are copies of training rows under another key; none where coincidence explains them."""
    _, hashed, rare, key = _prepared(audit)
    fold = audit.folds[index]
    train = np.setdiff1d(fold.train, fold.test)
    test = np.setdiff1d(fold.test, fold.train)
    test = test[(rare.sum(axis=0)[test] >= RARE_CELLS) & ~np.isin(key[test], key[train])]
    whole = hashed.sum(axis=0, dtype="uint64")
    matched = np.isin(whole[test], whole[train])
    if not matched.any():
        return np.array([], dtype="int64")
    distinct = train[np.unique(whole[train], return_index=True)[1]]
    alone: Mask = np.ones(len(test), dtype=bool)
    misses = 0
    for row, telling in zip(hashed, rare):
        # Rows that agree in all but this column are near misses only if what is left is rich by itself.
        rich = rare.sum(axis=0)[test] - telling[test] >= RARE_CELLS
        with np.errstate(over="ignore"):
            rest_test, rest_train = whole[test] - row[test], whole[distinct] - row[distinct]
        seen, counts = np.unique(rest_train, return_counts=True)
        place = np.minimum(np.searchsorted(seen, rest_test), len(seen) - 1)
        found = np.where(rich & (seen[place] == rest_test), counts[place], 0)
        alone &= found <= 1
        misses = max(misses, int((~matched & (found > 0)).sum()))
    copies: Ints = test[matched & alone]
    return copies if misses <= NEAR_MISSES * len(copies) else np.array([], dtype="int64")


def near_twins(audit: Audit, index: int, tolerance: float, room: int = 4_000_000) -> tuple[Ints, int]:
    """Test rows that are almost a training row's copy, and how many test rows were looked at.

    Every number lies within `tolerance` standard deviations, everything else is equal; as for exact copies, none is reported
    where rows a little further apart are as frequent.
    """
    columns, _, rare, key = _prepared(audit)
    fold = audit.folds[index]
    train = np.setdiff1d(fold.train, fold.test)
    test = np.setdiff1d(fold.test, fold.train)
    test = test[(rare.sum(axis=0)[test] >= RARE_CELLS) & ~np.isin(key[test], key[train])]
    numbers, codes = _scaled(audit, columns)
    if not numbers.shape[1] or not len(test) or not len(train):
        return np.array([], dtype="int64"), 0
    wide = 5 * tolerance
    first = int(np.argmax([len(np.unique(numbers[:, j])) for j in range(numbers.shape[1])]))
    train = train[np.argsort(numbers[train, first], kind="stable")]
    sorted_values = numbers[train, first]
    low = np.searchsorted(sorted_values, numbers[test, first] - wide, side="left")
    high = np.searchsorted(sorted_values, numbers[test, first] + wide, side="right")
    # A pile of equal values has too many neighbours to tell a copy by; and all pairs have to fit in memory.
    test, low, high = (a[(high - low) <= 2000] for a in (test, low, high))
    total = int((high - low).sum())
    if total > room:
        step = -(-total // room)
        test, low, high = test[::step], low[::step], high[::step]
    looked_at = len(test)
    left = np.repeat(np.arange(len(test)), high - low)
    right = train[np.concatenate([np.arange(a, b) for a, b in zip(low, high)])] if len(left) else np.array([], dtype="int64")
    apart = np.zeros(len(left))
    for j in range(numbers.shape[1]):
        step_apart = np.abs(numbers[test[left], j] - numbers[right, j])
        keep = (step_apart <= wide) | (np.isnan(numbers[test[left], j]) & np.isnan(numbers[right, j]))
        left, right, apart = left[keep], right[keep], np.fmax(apart, step_apart)[keep]
    for code in codes:
        keep = code[test[left]] == code[right]
        left, right, apart = left[keep], right[keep], apart[keep]
    exact = np.unique(left[apart == 0])
    near, further = np.setdiff1d(np.unique(left[apart <= tolerance]), exact), np.setdiff1d(np.unique(left), exact)
    # With few columns some rows meet by accident: then it takes more of them to be believed.
    if len(further) - len(near) > 0.5 * len(near) or (numbers.shape[1] < 3 and len(near) < FEWEST):
        return np.array([], dtype="int64"), looked_at
    return test[near], looked_at


def _scaled(audit: Audit, columns: list[str]) -> tuple[np.ndarray[Any, Any], list[Ints]]:
    numbers, codes = [], []
    for name in columns:
        values = audit.frame[name]
        if pd.api.types.is_float_dtype(values.dtype) and values.nunique() > FEW // 8:
            plain = values.to_numpy(dtype="float64", na_value=np.nan)
            spread = float(np.nanstd(plain))
            if spread > 0 and not _repeats(audit, name):
                numbers.append(plain / spread)
                continue
        codes.append(pd.factorize(values)[0].astype("int64"))
    return (np.column_stack(numbers) if numbers else np.empty((len(audit.frame), 0))), codes
