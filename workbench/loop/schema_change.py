"""What upstream changed about the tables, as a repair can undo it: renamed tables and columns, and how to read changed types.

Which column looks renamed, retyped or rescaled is found by `gates/schema/drift.py`; here it becomes casts that were tried on
the values. Where there is no reference profile, the contract's declared types and clocks decide.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from workbench.gates.schema.drift import (
    NUMERIC,
    declared_columns,
    explain_missing,
    missing_columns,
    name_likeness,
    rescaled,
    retyped,
    shared_values,
)
from workbench.gates.schema.profile import ColumnProfile, Profile, kind_of
from workbench.loop.casts import TEXT_FORMATS, apply, epoch_unit, is_calendar_digits, is_day_first
from workbench.skills.source import Module, Uneditable, constant_text, imported_files, module_path

if TYPE_CHECKING:
    from workbench.pipeline.contract import Contract

MATCHES = 0.5
"""Share of the reference's values that a cast has to bring back to be taken for certain."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SchemaChange(_Model):
    """All that has to be undone. Names are the pipeline's own ("ours") except where said."""

    tables: dict[str, str] = Field(default_factory=dict)
    """Upstream's table name → ours."""
    renames: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Table → {upstream's column: ours}."""
    retypes: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Table → {column: cast}."""
    scales: dict[str, dict[str, tuple[float, float]]] = Field(default_factory=dict)
    """Table → {column: (factor, offset)} where now = factor × before + offset."""
    evidence: dict[str, list[str]] = Field(default_factory=dict)
    """`table.column` (or the table) → why it is thought so."""
    unexplained: dict[str, str] = Field(default_factory=dict)
    """`table.column` → why there is no cure."""

    def __bool__(self) -> bool:
        return bool(self.tables or self.renames or self.retypes or self.scales)


def find_changes(contract: Contract, tables: Mapping[str, pd.DataFrame], reference: Profile | None) -> SchemaChange:
    """What changed in `tables` (as loaded, unchecked) against reference profile and contract."""
    change = SchemaChange()
    for rename in explain_missing(contract, tables, reference):
        if rename.column:
            change.renames.setdefault(rename.source, {})[rename.to] = rename.column
        else:
            change.tables[rename.to] = rename.source
        change.evidence.setdefault(_key(rename.source, rename.column), []).append(rename.sentence)
    ours = undone_names(tables, change)
    _unpaired(contract, ours, reference, change)
    for source in contract.sources:
        if source not in ours:
            change.unexplained[source] = "the table is gone, and no other looks like it"
            continue
        _types(contract, source, ours[source], reference, change)
    for source, gone in missing_columns(contract, undone_names(tables, change), reference).items():
        declared = declared_columns(contract, source)
        for column in gone:
            if column in declared:
                change.unexplained[_key(source, column)] = "the column is gone, and no other looks like it"
    return change


def guess_rename(tables: Mapping[str, pd.DataFrame], column: str, words: set[str]) -> SchemaChange:
    """The rename of a column that no contract and no reference know, by its name alone: the one most alike that the code doesn't
    name (`words`: its literals). Empty where none is alike, or two are equally."""
    scored = [
        (name_likeness(column, str(name)), table, str(name))
        for table, frame in tables.items()
        if column not in frame.columns
        for name in frame.columns
        if str(name) not in words and name_likeness(column, str(name)) >= 0.6
    ]
    scored.sort(reverse=True)
    change = SchemaChange()
    if scored and (len(scored) == 1 or scored[0][0] > scored[1][0] or scored[0][2] == scored[1][2]):
        for likeness, table, name in scored:
            if likeness == scored[0][0] and name == scored[0][2]:
                change.renames[table] = {name: column}
                change.evidence[_key(table, column)] = [
                    f"`{column}` looks renamed to `{name}`: the names are {_per_cent(likeness)} alike"
                ]
    return change


def code_words(root: Path, contract: Contract) -> set[str]:
    """Every text literal and attribute name of the stages behind load: a name that upstream made up isn't among them."""
    found: set[str] = set()
    for stage, entry in contract.stages.entries().items():
        if stage == "load":
            continue
        path = module_path(root, entry.partition(":")[0])
        for file in imported_files(root, path) if path else []:
            try:
                tree = Module.read(root, file).tree
            except (Uneditable, OSError):
                continue
            found |= {node.value for node in ast.walk(tree) if constant_text(node)}
            found |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return found


def missing_column(text: str) -> str | None:
    """The column that an exception of pandas, or the runner's own sentence, says is missing; None for any other text."""
    for pattern in (
        r"KeyError: ['\"]Column(?:\(s\))? not found: ([^'\"\n]+)['\"]",
        r"KeyError: \"\['([^'\n]+)'(?:, '[^'\n]+')*\] not (?:in index|found in axis)",
        r"KeyError: \"None of \[Index\(\['([^'\n]+)'",
        r"KeyError: ['\"]([^'\"\n\[\]]+)['\"]",
        r"Missing column provided to 'parse_dates': '([^',\n]+)",
        r"Usecols do not match columns, columns expected but not found: \['([^'\n]+)'",
        r"'(?:DataFrame|Series)' object has no attribute '(\w+)'",
        r"a frame without the column `([^`\n]+)`, which the contract names",
        r"No match for FieldRef\.Name\(([^)\n]+)\)",
    ):
        found = re.search(pattern, text)
        if found:
            return found[1]
    return None


def clocks_aligned(contract: Contract, tables: Mapping[str, pd.DataFrame]) -> list[SchemaChange]:
    """Ways to write all clocks alike where some are naive times, some aware ones and some text; none where they are alike.

    Which of them changed isn't known from the tables, so these are to be tried: towards the kind most clocks have first.
    """
    clocks = {(name, source.time): _written_as(tables[name][source.time]) for name, source in contract.sources.items()
              if source.time and name in tables and source.time in tables[name].columns}  # fmt: skip
    kinds = [kind for kind in clocks.values() if kind]
    wanted = sorted({kind for kind in kinds if kind != "text"}, key=lambda kind: (-kinds.count(kind), kind))
    changes = []
    for kind in wanted if len(set(kinds)) > 1 else []:
        change = SchemaChange()
        for (source, column), now in clocks.items():
            cast = _towards(kind, now, contract.sources[source].zone or "UTC")
            if cast is not None:
                change.retypes.setdefault(source, {})[column] = cast
                change.evidence[_key(source, column)] = [f"`{column}` is written as {now} times, other clocks as {kind} ones"]
        changes.append(change)
    return changes


def _written_as(values: pd.Series) -> str:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return "aware"
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "naive"
    return "text" if kind_of(values) == "string" else ""


def _towards(kind: str, now: str, zone: str) -> str | None:
    if now == kind or not now:
        return None
    if now == "text":
        return "time" if kind == "aware" else f"time@{zone}"
    return f"naive@{zone}" if kind == "naive" else f"aware@{zone}"


def undone_names(tables: Mapping[str, pd.DataFrame], change: SchemaChange) -> dict[str, pd.DataFrame]:
    """The tables under our names."""
    named = {change.tables.get(name, name): frame for name, frame in tables.items()}
    return {name: frame.rename(columns=change.renames.get(name, {})) for name, frame in named.items()}


def _unpaired(contract: Contract, tables: Mapping[str, pd.DataFrame], reference: Profile | None, change: SchemaChange) -> None:
    """A clock under an unlike name whose type changed, too: the one new column that can be read as a time."""
    for source, gone in missing_columns(contract, tables, reference).items():
        clock = contract.sources[source].time
        if clock not in gone:
            continue
        known = set(reference.tables[source].columns) if reference and source in reference.tables else set()
        known |= set(declared_columns(contract, source))
        frame = tables[source]
        able = [str(c) for c in frame.columns if str(c) not in known and _cast_to_time(frame[c], None, "") is not None]
        if reference is None:
            able = [c for c in able if kind_of(frame[c]) == "time" or name_likeness(clock, c) >= 0.3] or able
        if len(able) == 1:
            change.renames.setdefault(source, {})[able[0]] = clock
            change.evidence.setdefault(_key(source, clock), []).append(
                f"`{clock}` looks renamed to `{able[0]}`: it is the only new column that holds times"
            )
            tables[source].rename(columns={able[0]: clock}, inplace=True)


def _types(contract: Contract, source: str, frame: pd.DataFrame, reference: Profile | None, change: SchemaChange) -> None:
    known = dict(reference.tables[source].columns) if reference and source in reference.tables else {}
    zone = contract.sources[source].zone or ""
    expected = {entry.column: entry.was for entry in retyped(source, frame, known)}
    for column, kind in _declared_kinds(contract, source):
        if column in frame.columns and column not in known and not _holds(frame[column], kind):
            expected[column] = kind  # type: ignore[assignment]
    for column, was in expected.items():
        now = kind_of(frame[column])
        cast = best_cast(frame[column], was, known.get(column), zone)
        if cast is None:
            change.unexplained[_key(source, column)] = f"it holds {now} where {was} is expected, and no reading of it fits"
            continue
        change.retypes.setdefault(source, {})[column] = cast
        change.evidence.setdefault(_key(source, column), []).append(
            _retype_words(frame[column], column, was, cast, known.get(column))
        )
    _formats(source, frame, known, change)
    for scale in rescaled(source, frame, {c: p for c, p in known.items() if c not in change.retypes.get(source, {})}):
        if scale.exact:
            change.scales.setdefault(source, {})[scale.column] = (scale.factor, scale.offset)
            change.evidence.setdefault(_key(source, scale.column), []).append(
                f"`{scale.column}` is in another unit: {scale.words}"
            )


def _declared_kinds(contract: Contract, source: str) -> Iterator[tuple[str, str]]:
    declared = contract.sources[source]
    clocks = {column.known_at for column in declared.columns.values() if column.known_at} | {declared.time}
    for name in declared_columns(contract, source):
        column = declared.columns.get(name)
        kind = column.type if column is not None and column.type else ("time" if name in clocks else None)
        if kind is not None:
            yield name, kind


def _holds(values: pd.Series, kind: str) -> bool:
    now = kind_of(values)
    if now in ("empty", kind) or (now in NUMERIC and kind == "number"):
        return True
    if now == "string" and kind == "time":
        # Clocks may be text, they are read as times; but not the digits of an epoch.
        return epoch_unit(values) is None
    return now == "number" and kind == "integer"  # whole numbers with a gap come as floats


def best_cast(values: pd.Series, was: str, before: ColumnProfile | None, zone: str) -> str | None:
    """The cast after which the column is of the kind it was, by the reference's values where there are some."""
    candidates = list(_candidates(values, was, zone))
    tried = [(cast, read) for cast in candidates if (read := apply(cast, values)) is not None and _mostly_read(values, read)]
    if before is not None and before.sketch:
        shares = [(shared_values(before, read), -place, cast) for place, (cast, read) in enumerate(tried)]
        # A cast that gives the values back is right; new data alone (later times) has none of them and proves nothing.
        if shares and max(shares)[0] >= MATCHES:
            return max(shares)[2]
    return tried[0][0] if tried else None


def _candidates(values: pd.Series, was: str, zone: str) -> Iterator[str]:
    now = kind_of(values)
    unit = epoch_unit(values) if now in (*NUMERIC, "string") else None
    if was == "time":
        found = _cast_to_time(values, unit, zone)
        if found is not None:
            yield found
    elif was in ("string", "other") and now in NUMERIC:
        if unit is not None:
            yield from (f"epoch-{unit}:{form}" for form in TEXT_FORMATS)
        yield from ("integer-string", "string", *(f"string:{width:02d}" for width in range(2, 13)))
    elif was in ("string", "other") and now == "time":
        yield from (f"time:{form}" for form in TEXT_FORMATS)
    elif was in ("string", "other"):
        yield "string"
    elif was in NUMERIC and now == "string":
        yield from (*(["integer"] if was == "integer" else []), "number", "number-text", "comma-number")
    elif was in NUMERIC and now == "boolean":
        yield "integer"
    elif was in NUMERIC and now == "time":
        yield from (f"to-epoch-{unit}" for unit in ("seconds", "milliseconds", "microseconds", "nanoseconds"))
    elif was == "boolean":
        yield "boolean"


def _cast_to_time(values: pd.Series, unit: str | None, zone: str) -> str | None:
    now = kind_of(values)
    unit = unit or (epoch_unit(values) if now in (*NUMERIC, "string") else None)
    suffix = f"@{zone}" if zone else ""
    if unit is not None:
        return f"epoch-{unit}{suffix}"
    if now in NUMERIC:
        return "digits" if is_calendar_digits(values) else None
    if now == "string":
        word = "day-first" if is_day_first(values) else "time"
        read = apply(word, values)
        return f"{word}{suffix}" if read is not None and _mostly_read(values, read) else None
    return "time" if now == "time" else None


def _mostly_read(values: pd.Series, read: pd.Series) -> bool:
    present = values.notna()
    return bool(present.any()) and bool(read[present.to_numpy()].notna().mean() >= 0.99)


def _formats(source: str, frame: pd.DataFrame, known: Mapping[str, ColumnProfile], change: SchemaChange) -> None:
    """Text that is still text but written otherwise: times in another format, numbers with or without leading zeros."""
    for column, before in known.items():
        if column not in frame.columns or before.kind != "string" or kind_of(frame[column]) != "string" or not before.sketch:
            continue
        if shared_values(before, frame[column]) > 0.05:
            continue
        for cast in (
            *(f"time:{form}" for form in TEXT_FORMATS),
            *(f"string:{width:02d}" for width in range(2, 13)),
            "integer-string",
        ):
            values = frame[column]
            read = apply(cast, pd.to_numeric(values, errors="coerce") if "string" in cast else values)
            if read is not None and _mostly_read(values, read) and shared_values(before, read) >= 0.9 and "string" not in cast:
                change.retypes.setdefault(source, {})[column] = cast
                share = _per_cent(shared_values(before, read))
                change.evidence.setdefault(_key(source, column), []).append(
                    f"`{column}` is written in another format: read by `{cast}`, {share} of the reference's values are back"
                )
                break


def _retype_words(values: pd.Series, column: str, was: str, cast: str, before: ColumnProfile | None) -> str:
    words = f"`{column}` holds {kind_of(values)} ({values.dtype}) where {was} is expected; read by `{cast}`"
    read = apply(cast, values)
    if before is not None and before.sketch and read is not None and (share := shared_values(before, read)) > 0:
        return f"{words}, {_per_cent(share)} of the reference's values are back"
    if was == "time" and read is not None and kind_of(read) == "time" and read.notna().any():
        return f"{words}, it runs from {read.min():%Y-%m-%d %H:%M} to {read.max():%Y-%m-%d %H:%M}"
    return words


def _per_cent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _key(source: str, column: str) -> str:
    return f"{source}.{column}" if column else source
