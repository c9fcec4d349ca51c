"""What happened to the tables since the reference profile was taken: renamed, retyped, rescaled, missing, new.

Public functions for the schema rules and for the skills that explain and repair; they only look. With a reference the
values decide; without one only names can, and the answer says so.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from workbench.gates.schema.profile import ColumnProfile, Kind, Profile, as_numbers, kind_of, value_hashes

if TYPE_CHECKING:
    from workbench.pipeline.contract import Contract

NUMERIC = ("number", "integer")

# (factor, offset, words): new = factor * old + offset. Only what upstream systems really switch between.
UNITS: tuple[tuple[float, float, str], ...] = (
    (60.0, 0.0, "hours to minutes, or minutes to seconds"),
    (1 / 60.0, 0.0, "seconds to minutes, or minutes to hours"),
    (3600.0, 0.0, "hours to seconds"),
    (1 / 3600.0, 0.0, "seconds to hours"),
    (24.0, 0.0, "days to hours"),
    (1 / 24.0, 0.0, "hours to days"),
    (1000.0, 0.0, "a factor of 1,000 (kilo to one, or seconds to milliseconds)"),
    (0.001, 0.0, "a factor of 1/1,000 (one to kilo, or milliseconds to seconds)"),
    (1e6, 0.0, "a factor of a million"),
    (1e-6, 0.0, "a factor of a millionth"),
    (100.0, 0.0, "a share to per cent, or a currency to its cents"),
    (0.01, 0.0, "per cent to a share, or cents to a currency"),
    (1.609344, 0.0, "miles to kilometres"),
    (1 / 1.609344, 0.0, "kilometres to miles"),
    (0.3048, 0.0, "feet to metres"),
    (1 / 0.3048, 0.0, "metres to feet"),
    (2.54, 0.0, "inches to centimetres"),
    (25.4, 0.0, "inches to millimetres"),
    (1 / 25.4, 0.0, "millimetres to inches"),
    (1.852, 0.0, "knots to kilometres per hour"),
    (1.150779448, 0.0, "knots to miles per hour"),
    (0.45359237, 0.0, "pounds to kilograms"),
    (1 / 0.45359237, 0.0, "kilograms to pounds"),
    (5 / 9, -160 / 9, "degrees Fahrenheit to Celsius"),
    (1.8, 32.0, "degrees Celsius to Fahrenheit"),
    (1.0, 273.15, "degrees Celsius to Kelvin"),
    (1.0, -273.15, "Kelvin to degrees Celsius"),
    (-1.0, 0.0, "the opposite sign"),
)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rename(_Model):
    """Column `column` of `source` is gone and `to` looks like it. `column` empty: the whole table is called `to` now."""

    source: str
    column: str
    to: str
    by: Literal["values", "name"]
    match: float
    """Share (0 to 1) of the reference's values found in `to`; for `by="name"` the likeness of the names."""
    was: Kind | None = None
    now: Kind | None = None
    """Kinds before and after where the type changed together with the name."""

    @property
    def sentence(self) -> str:
        """What a person reads: "`carrier` looks renamed to `carrier_code`: 100 % of values match"."""
        name, to = (f"`{self.column}`", f"`{self.to}`") if self.column else (f"table `{self.source}`", f"`{self.to}`")
        likeness = f"{self.match:.0%}".replace("%", " %")
        why = (
            f"{likeness} of values match" if self.by == "values" else f"the names are {likeness} alike, values were not compared"
        )
        kind = (
            f", and it is {_a(self.now)} now instead of {_a(self.was)}" if self.was and self.now and self.was != self.now else ""
        )
        return f"{name} looks renamed to {to}: {why}{kind}"


class Retype(_Model):
    """The same column holds another kind of value; `match` is the share of values that are the same when read as before."""

    source: str
    column: str
    was: Kind
    now: Kind
    match: float


class Rescale(_Model):
    """The same column is `factor * old + offset` now: another unit. `exact` where every decile says so."""

    source: str
    column: str
    factor: float
    offset: float
    words: str
    exact: bool


def declared_columns(contract: Contract, source: str) -> list[str]:
    """Columns of a source that the contract names: its time, its exceptions, and the columns that tell a known time."""
    declared = contract.sources[source]
    names = [declared.time] if declared.time else []
    for name, column in declared.columns.items():
        names += [name, *([column.known_at] if column.known_at else [])]
    return list(dict.fromkeys(names))


def missing_columns(contract: Contract, tables: Mapping[str, pd.DataFrame], reference: Profile | None) -> dict[str, list[str]]:
    """Per source present in `tables`: columns that contract or reference know and the table lacks, in that order."""
    missing: dict[str, list[str]] = {}
    for source in contract.sources:
        if source not in tables:
            continue
        expected = declared_columns(contract, source)
        if reference and source in reference.tables:
            expected += list(reference.tables[source].columns)
        present = {str(name) for name in tables[source].columns}
        gone = [name for name in dict.fromkeys(expected) if name not in present]
        if gone:
            missing[source] = gone
    return missing


def explain_missing(contract: Contract, tables: Mapping[str, pd.DataFrame], reference: Profile | None = None) -> list[Rename]:
    """Likely renames of what is missing, best first; at most one per missing table or column, no new name used twice.

    `tables` are the tables as loaded, before any check against the contract. What has no likely new name isn't listed:
    compare with `missing_columns`.
    """
    renames = _renamed_tables(contract, tables, reference)
    found_under = {rename.source: rename.to for rename in renames}
    seen = {name: tables[found_under.get(name, name)] for name in contract.sources if found_under.get(name, name) in tables}
    for source, gone in missing_columns(contract, seen, reference).items():
        known = reference.tables[source].columns if reference and source in reference.tables else {}
        taken = set(known) | set(declared_columns(contract, source))
        frame = seen[source]
        fresh = [str(name) for name in frame.columns if str(name) not in taken]
        renames += _best(_candidates(source, gone, fresh, frame, known))
    return sorted(renames, key=lambda r: (-r.match, r.source, r.column))


def _candidates(
    source: str, gone: Iterable[str], fresh: Iterable[str], frame: pd.DataFrame, known: Mapping[str, ColumnProfile]
) -> Iterable[tuple[float, Rename]]:
    fresh = list(fresh)
    for column in gone:
        for to in fresh:
            alike = name_likeness(column, to)
            if column not in known:
                if alike >= 0.5:
                    yield alike, Rename(source=source, column=column, to=to, by="name", match=round(alike, 4))
                continue
            before = known[column]
            now = kind_of(frame[to])
            share = shared_values(before, frame[to])
            spread = _spread_likeness(before, frame[to])
            # Values decide; few distinct values (months, flags) match by accident, so there spread and name count as well.
            telling = 1.0 if before.distinct > MANY else before.distinct / MANY
            score = (
                share * (0.7 * telling + (1 - telling) * 0.25)
                + 0.15 * spread
                + 0.15 * alike
                + (1 - telling) * 0.45 * alike * share
            )
            if share >= 0.5 and (telling == 1.0 or spread >= 0.8 or alike >= 0.5):
                changed = {"was": before.kind, "now": now} if _differ(before.kind, now) else {}
                yield score, Rename(source=source, column=column, to=to, by="values", match=round(share, 4), **changed)
            elif share < 0.5 and alike >= 0.6:
                yield 0.3 * alike, Rename(source=source, column=column, to=to, by="name", match=round(alike, 4))


MANY = 24
"""Distinct values from which a match of the values alone is telling."""


def _best(scored: Iterable[tuple[float, Rename]]) -> list[Rename]:
    chosen: list[Rename] = []
    for _, rename in sorted(scored, key=lambda pair: -pair[0]):
        if all(rename.column != other.column and rename.to != other.to for other in chosen):
            chosen.append(rename)
    return chosen


def _renamed_tables(contract: Contract, tables: Mapping[str, pd.DataFrame], reference: Profile | None) -> list[Rename]:
    fresh = [name for name in tables if name not in contract.sources]
    scored: list[tuple[float, Rename]] = []
    for source in contract.sources:
        if source in tables:
            continue
        expected = set(declared_columns(contract, source))
        if reference and source in reference.tables:
            expected |= set(reference.tables[source].columns)
        for to in fresh:
            present = {str(name) for name in tables[to].columns}
            columns = len(expected & present) / len(expected) if expected else 0.0
            alike = name_likeness(source, to)
            if columns >= 0.5 or alike >= 0.6:
                scored.append(
                    (columns + alike, Rename(source=source, column="", to=to, by="name", match=round(max(columns, alike), 4)))
                )
    chosen: list[Rename] = []
    for _, rename in sorted(scored, key=lambda pair: -pair[0]):
        if all(rename.source != other.source and rename.to != other.to for other in chosen):
            chosen.append(rename)
    return chosen


def shared_values(before: ColumnProfile, now: pd.Series) -> float:
    """Estimated share (0 to 1) of the reference's distinct values that `now` holds, read as the reference's kind."""
    if not before.sketch:
        return 0.0
    have = value_hashes(now, before.kind)
    wanted = np.array([int(h, 16) for h in before.sketch], dtype="uint64")
    return float(np.isin(wanted, have).mean())


def retyped(source: str, frame: pd.DataFrame, known: Mapping[str, ColumnProfile]) -> list[Retype]:
    """Columns whose values are of another kind than in the reference. Integers that became floats are not: a missing
    value does that."""
    found = []
    for column, before in known.items():
        if column not in frame.columns:
            continue
        now = kind_of(frame[column])
        if _differ(before.kind, now):
            found.append(
                Retype(
                    source=source, column=column, was=before.kind, now=now, match=round(shared_values(before, frame[column]), 4)
                )
            )
    return found


def rescaled(source: str, frame: pd.DataFrame, known: Mapping[str, ColumnProfile]) -> list[Rescale]:
    """Number columns whose deciles are a unit conversion of the reference's.

    Exact where every decile is the same linear map (the same rows in another unit); else a known conversion that brings
    the deciles at least eight times closer to the reference than they are as they stand.
    """
    found = []
    for column, before in known.items():
        if column not in frame.columns or before.kind not in NUMERIC or len(before.quantiles) < 11:
            continue
        now_kind = kind_of(frame[column])
        if now_kind not in NUMERIC:
            continue
        numbers = as_numbers(frame[column].dropna(), now_kind)
        if numbers is None or not numbers.size:
            continue
        old, new = np.array(before.quantiles), np.quantile(numbers, [q / 10 for q in range(11)])
        scale = _linear_map(old, new)
        if scale is not None:
            factor, offset, words, exact = scale
            found.append(Rescale(source=source, column=column, factor=factor, offset=offset, words=words, exact=exact))
    return found


def _linear_map(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> tuple[float, float, str, bool] | None:
    spread = float(old.max() - old.min())
    if spread <= 0 or len(np.unique(old)) < 4 or np.allclose(old, new, rtol=1e-6, atol=1e-6 * spread):
        return None
    factor, offset = (float(c) for c in np.polyfit(old, new, 1))
    if np.allclose(factor * old + offset, new, rtol=1e-6, atol=1e-6 * float(np.ptp(new) or 1.0)):
        for f, o, words in UNITS:
            if np.isclose(factor, f, rtol=1e-4) and abs(offset - o) <= 1e-4 * max(1.0, abs(o), float(np.abs(new).max())):
                return f, o, words, True
        return (
            factor,
            offset,
            f"{factor:.6g} times the value before" + (f" plus {offset:.6g}" if abs(offset) > 1e-9 else ""),
            True,
        )
    apart = _apart(old, new, spread)
    fits = [(_apart(old, (new - o) / f, spread), f, o, words) for f, o, words in UNITS]
    closest, f, o, words = min(fits)
    if apart > 0.5 and closest < 0.12 and closest * 8 < apart:
        return f, o, words, False
    return None


def _apart(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any], spread: float) -> float:
    # Inner deciles: the extremes move with every new outlier.
    inner = float(old[-2] - old[1]) or spread
    return float(np.abs(old[1:-1] - new[1:-1]).max() / inner)


def _spread_likeness(before: ColumnProfile, now: pd.Series) -> float:
    if before.categories is not None:
        shares = now.dropna().astype(str).value_counts(normalize=True)
        keys = set(before.categories) | {str(k) for k in shares.index}
        apart = sum(abs(before.categories.get(k, 0.0) - float(shares.get(k, 0.0))) for k in keys) / 2
        return 1.0 - apart
    if before.quantiles:
        numbers = as_numbers(now.dropna(), before.kind) if _numeric_enough(now, before.kind) else None
        if numbers is None or not numbers.size:
            return 0.0
        old, new = np.array(before.quantiles), np.quantile(numbers, [q / 10 for q in range(11)])
        spread = float(old.max() - old.min()) or 1.0
        return max(0.0, 1.0 - 2 * float(np.abs(old - new).mean()) / spread)
    return 0.5


def _numeric_enough(values: pd.Series, kind: Kind) -> bool:
    return kind == "time" or kind_of(values) in NUMERIC or pd.to_numeric(values.dropna(), errors="coerce").notna().mean() > 0.9


def _differ(was: Kind, now: Kind) -> bool:
    return was != now and not (was in NUMERIC and now in NUMERIC) and "empty" not in (was, now)


def name_likeness(one: str, other: str) -> float:
    """How alike two names are, 0 to 1, blind to case and separators; one name inside the other counts as much alike."""
    a, b = (name.lower().replace("_", "").replace("-", "").replace(" ", "").replace(".", "") for name in (one, other))
    if not a or not b:
        return 0.0
    if a == b:
        return 1.0
    ratio = difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()
    words_a, words_b = set(_words(one)), set(_words(other))
    if words_a and words_b and (words_a <= words_b or words_b <= words_a):
        ratio = max(ratio, 0.8)
    return ratio


def _words(name: str) -> list[str]:
    spaced = "".join(f" {c.lower()}" if c.isupper() else c for c in name.replace("_", " ").replace("-", " ").replace(".", " "))
    return spaced.split()


def _a(kind: Kind | None) -> str:
    return f"an {kind}" if kind and kind[0] in "aeio" else f"a {kind}"
