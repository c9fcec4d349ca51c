"""A frozen set of good and bad rows, and what a use case's checks make of them: refused, dropped or taken as they are.

The good rows are the heads of the tables; the bad ones are made from them, always the same way: missing, out of range, never
seen, of another type, there twice. A check that takes what it refused before was loosened. What the contract
declares of a column is compared as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from workbench.changes.fingerprints import Difference
from workbench.changes.model import RiskKind
from workbench.errors import PipelineError
from workbench.pipeline.contract import Column, Contract, Source
from workbench.pipeline.runner import Pipeline
from workbench.visible import visible

Tables = Mapping[str, pd.DataFrame]
Verdict = Literal["refused", "dropped", "taken"]
GOOD = "good rows"
_ROWS = 200
_COLUMNS = 12
_STRICTNESS: dict[Verdict, int] = {"refused": 2, "dropped": 1, "taken": 0}


@dataclass(frozen=True)
class BadRows:
    """Tables with rows of one bad class in the table `source`; `words` names the class."""

    words: str
    source: str
    tables: Tables


def good_rows(tables: Tables) -> dict[str, pd.DataFrame]:
    """The heads of the tables."""
    return {name: table.head(_ROWS).reset_index(drop=True) for name, table in tables.items()}


def bad_rows(contract: Contract, good: Tables) -> Iterator[BadRows]:
    """Each class for each column of each declared table; of a very wide table, for the rest of its columns at once."""
    for name, table in good.items():
        if name not in contract.sources or table.empty:
            continue
        place = f"`{visible(name)}`"
        yield BadRows(f"rows of {place} that are there twice", name, {**good, name: pd.concat([table, table], ignore_index=True)})
        declared = contract.sources[name].columns
        ordered = sorted((str(column) for column in table.columns), key=lambda column: column not in declared)
        for column in ordered[:_COLUMNS]:
            yield from _classes(good, name, [column], f"{place}.`{visible(column)}`")
        if ordered[_COLUMNS:]:
            yield from _classes(good, name, ordered[_COLUMNS:], f"the other {len(ordered) - _COLUMNS} columns of {place}")


def _classes(good: Tables, name: str, columns: list[str], said: str) -> Iterator[BadRows]:
    table = good[name]
    for words, spoil in _SPOILT:
        spoilt = table.copy()
        for column in columns:
            values = spoil(table[column])
            if values is not None:
                spoilt[column] = values
        if not spoilt.equals(table):
            yield BadRows(f"{words} in {said}", name, {**good, name: spoilt})


def _missing(values: pd.Series) -> pd.Series | None:
    return values.where(np.arange(len(values)) % 2 == 0)


def _far(values: pd.Series) -> pd.Series | None:
    """Every other value far above, and every fourth far below, of all that are there."""
    number = np.arange(len(values))
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        return None
    known = values.astype("float64")
    span = float(known.max() - known.min()) or 1.0
    if not np.isfinite(span):
        return None
    high, low = float(known.max()) + 1000 * span, float(known.min()) - 1000 * span
    return known.where(number % 2 == 0, high).where(number % 4 != 1, low)


def _other_type(values: pd.Series) -> pd.Series | None:
    return pd.Series(np.arange(len(values), dtype="int64")) if _is_text(values) else pd.Series(["not a value"] * len(values))


def _never_seen(values: pd.Series) -> pd.Series | None:
    if _is_text(values):
        return values.where(np.arange(len(values)) % 2 == 0, "never seen before")
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values + pd.Timedelta("17min")
    return None


def _is_text(values: pd.Series) -> bool:
    return bool(pd.api.types.is_object_dtype(values.dtype) or pd.api.types.is_string_dtype(values.dtype))


_SPOILT: tuple[tuple[str, Callable[[pd.Series], pd.Series | None]], ...] = (
    ("missing values", _missing), ("values far out of range", _far), ("values never seen before", _never_seen),
    ("values of another type", _other_type),
)  # fmt: skip


def verdicts(pipeline: Pipeline, contract: Contract, tables: Tables, only: Iterable[str] | None = None) -> dict[str, Verdict]:
    """What `validate` and `preprocess` make of each class of bad rows (of those in `only`, where it is given), and of the good.

    Raises PipelineError where they end in something that is no answer of a stage.
    """
    good = good_rows(tables)
    wanted = None if only is None else set(only)
    found: dict[str, Verdict] = {GOOD: _verdict(pipeline, BadRows(GOOD, "", good))}
    for bad in bad_rows(contract, good):
        if wanted is None or bad.words in wanted:
            found[bad.words] = _verdict(pipeline, bad)
    return found


def _verdict(pipeline: Pipeline, bad: BadRows) -> Verdict:
    try:
        made = pipeline.prepared(bad.tables)
    except PipelineError as error:
        if not error.stage:
            raise
        return "refused"
    left = next((tables[bad.source] for tables in made.values() if bad.source in tables), None)
    return "dropped" if left is not None and len(left) < len(bad.tables[bad.source]) else "taken"


def loosened(before: Mapping[str, Verdict], after: Mapping[str, Verdict]) -> list[Difference]:
    """The classes of bad rows that are treated less strictly than before: refused, then dropped, then taken."""
    found = []
    for words, was in before.items():
        now = after.get(words, "taken")
        if words != GOOD and _STRICTNESS[now] < _STRICTNESS[was]:
            reason = f"bad rows that were {was} are {now} now: {words}"
            found.append(Difference(RiskKind.CONTRACT, "validate", f"bad rows: {words}", reason, 1.0))
    return found


def loosened_facts(before: Contract, after: Contract) -> list[Difference]:
    """What the contract declares of tables and columns and now asks less of."""
    found = []
    for name, source in before.sources.items():
        for words in _looser_source(source, after.sources.get(name)):
            reason = f"the contract asks less of `{visible(name)}`{words}"
            found.append(Difference(RiskKind.CONTRACT, "load", f"declared: {name}{words}", reason, 1.0))
    return found


def _looser_source(before: Source, after: Source | None) -> Iterator[str]:
    if after is None:
        yield ": the table is not declared any more"
        return
    if before.max_age is not None and (after.max_age is None or after.max_age.nanoseconds > before.max_age.nanoseconds):
        yield ": it may be older"
    for name, column in before.columns.items():
        now = after.columns.get(name)
        for words in ["it is not declared any more"] if now is None else _looser_column(column, now):
            yield f".`{visible(name)}`: {words}"


def _looser_column(before: Column, now: Column) -> Iterator[str]:
    if before.type is not None and now.type != before.type:
        yield f"type {now.type or 'any'} instead of {before.type}"
    for side in ("min", "max"):
        was, bound = getattr(before, side), getattr(now, side)
        if was is not None and bound != was and (bound is None or not _tighter(side, was, bound)):
            yield f"{side} {'none' if bound is None else bound} instead of {was}"
    if before.categories is not None and (now.categories is None or set(now.categories) - set(before.categories)):
        yield "other categories pass"
    if before.unique and not now.unique:
        yield "values may repeat"
    if before.max_null_rate is not None and (now.max_null_rate is None or now.max_null_rate > before.max_null_rate):
        yield "more of it may be missing"


def _tighter(side: str, was: float | str, bound: float | str) -> bool:
    if isinstance(was, str) or isinstance(bound, str):
        return False  # moments as text: another one is said
    return bound > was if side == "min" else bound < was
