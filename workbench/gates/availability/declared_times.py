"""What the contract declares about when a source's values are known, in words with its line, and the rows' event times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.pipeline.asof import NEVER, entity_keys
from workbench.pipeline.times import nanoseconds, target_times, to_utc

if TYPE_CHECKING:
    from workbench.gates.audit import Audit
    from workbench.pipeline.contract import Contract

_COVERED = 0.5
"""Share of the feature frame's rows that must find a row of theirs in a table which they are made from."""


@dataclass(frozen=True)
class Fact:
    """When a column is known: `clock` where another column says it, else `time` plus `delay` (empty where there is none)."""

    words: str
    paths: tuple[str, ...]
    time: str | None
    clock: str | None
    delay: str


def declared_fact(contract: Contract, source: str, column: str) -> Fact:
    """The most particular fact that the contract has about when this column is known."""
    facts = contract.sources[source]
    own = facts.columns.get(column)
    key = next((name for name in ("known_at", "known_after", "known") if own is not None and getattr(own, name) is not None), "")
    place = f"sources.{source}" + (f".columns.{column}" if key else "")
    name, holder = (key, own) if key else ("known_after", facts)
    value = getattr(holder, name)
    path = f"{place}.{name}"
    line = _line(contract, source, column if key else None, name)
    said = f"{path} = {value}" if key or "known_after" in facts.model_fields_set else f"{path} = {value}, as nothing else is said"
    delay = str(value) if name == "known_after" and value.nanoseconds else ""
    return Fact(
        words=f"{said} ({contract.path}{f':{line}' if line else ''})",
        # A name with a dot in it can't be written as a path.
        paths=() if "." in source + column else (path,),
        time=facts.time,
        clock=str(value) if name == "known_at" else None,
        delay=delay,
    )


def _line(contract: Contract, source: str, column: str | None, name: str) -> int | None:
    keys = [("sources", source, "columns", column, name), ("sources", source, "columns", column)] if column else []
    keys += [("sources", source, name), ("sources", source)]
    return next((line for key in keys if (line := contract.line_of(*key)) is not None), None)


def event_times(contract: Contract, tables: Mapping[str, pd.DataFrame], source: str) -> np.ndarray | None:
    """Event times of a source's rows, int64 nanoseconds UTC by position; None where it has no time."""
    facts = contract.sources[source]
    if facts.time is None:
        return None
    return nanoseconds(to_utc(tables[source][facts.time].reset_index(drop=True), facts.zone), NEVER)


def has_row_of(audit: Audit, source: str) -> bool:
    """Whether the feature frame's rows are made from this table: it holds the target, or a row for their entity and time.

    Any other table is joined to them from the side.
    """
    return bool(audit.once(f"rows of {source}", lambda: _has_row_of(audit, source)))


def _has_row_of(audit: Audit, source: str) -> bool:
    prediction, table = audit.contract.prediction, audit.tables[source]
    if prediction.target in table.columns:
        return True
    events = event_times(audit.contract, audit.tables, source)
    if events is None or not set(prediction.entity) <= set(table.columns):
        return False
    wanted = _keys(audit.frame, prediction.entity, nanoseconds(target_times(audit.contract, audit.frame), NEVER))
    return bool(np.isin(wanted, _keys(table, prediction.entity, events)).mean() >= _COVERED)


def _keys(frame: pd.DataFrame, entity: list[str], times: np.ndarray) -> np.ndarray:
    keyed = pd.DataFrame({"entity": entity_keys(frame, entity), "time": times})
    hashed: np.ndarray = pd.util.hash_pandas_object(keyed, index=False).to_numpy()
    return hashed
