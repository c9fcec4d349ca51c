"""A table that has stopped coming in.

**What it does.** For a source with a declared `max_age` it takes the latest prediction that has an outcome (of each entity,
where the table has its columns) and looks how old the newest row is that was known by then. Without a declaration, but with a
reference, it warns where a table now ends earlier than it did.

**Why it is bad.** Nothing fails when a feed stops: last values are carried on, windows run empty, and the model answers from what
was true last week. The clock on the wall is not asked: an audit of the same tables says the same tomorrow.

**Failing** (`max_age = "3h"`)

    weather at JFK: newest row 2013-12-29 18:00, the latest prediction is made on 2013-12-31 03:00

**Passing**

    weather at JFK: newest row 2013-12-31 02:00

**How it can be wrong.** A table with few events (a price list, a strike) is fresh though nothing is in it: don't declare an age
for it. An entity that was closed down is judged at its own last prediction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.findings import Finding, Measurement, Rows, Severity
from workbench.gates.rule import NotApplicable, Rule
from workbench.gates.schema.declared import place
from workbench.gates.schema.profile import Profile, profile_column, read_reference
from workbench.gates.spans import minute, span_words
from workbench.pipeline.asof import ALWAYS, NEVER, entity_keys, known_times
from workbench.pipeline.times import nanoseconds, to_utc

if TYPE_CHECKING:
    from workbench.gates.audit import Audit

_BACK = 10**9
"""Nanoseconds by which a table has to end earlier than it did to be spoken of."""


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per source; NotApplicable where nothing says how fresh a table has to be."""
    reference = audit.once("reference", lambda: read_reference(audit.root, audit.contract.name))
    declared = [name for name, source in audit.contract.sources.items() if source.max_age is not None]
    if not declared and reference is None:
        raise NotApplicable("no source declares a max_age, and there is no reference.json to compare with")
    audit.probed(len(declared) or len(audit.tables), "tables")
    for name in declared:
        yield from _stale(audit, name)
    if reference is not None:
        yield from _shorter(audit, reference, set(declared))


def _stale(audit: Audit, name: str) -> Iterator[Finding]:
    source, table = audit.contract.sources[name], audit.tables[name]
    assert source.max_age is not None and source.time is not None
    audit.rest_on(f"sources.{name}.max_age")
    entity = [column for column in audit.contract.prediction.entity if column in table.columns]
    events = nanoseconds(to_utc(table[source.time].reset_index(drop=True), source.zone), NEVER)
    known = np.maximum(known_times(audit.contract, {name: table}).earliest(name), np.where(events == NEVER, NEVER, ALWAYS))
    ages = _ages(audit, table, entity, events, known)
    allowed = source.max_age.nanoseconds
    old = ages[ages["age"] > allowed].sort_values("age", ascending=False)
    if not len(old):
        return
    worst = old.iloc[0]
    who = f" of {worst['entity']}".replace("\x1f", " / ") if entity else ""
    newest = "there is none" if worst["newest"] == ALWAYS else f"the newest is of {minute(int(worst['newest']))}"
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="load",
        column=source.time,
        source=f"{name}.{source.time}",
        rows=len(old) if entity else None,
        evidence=[
            Rows(count=len(old), of=len(ages), examples=[_example(row) for _, row in old.head(3).iterrows()]),
            Measurement(name="hours old", value=round(float(worst["age"]) / 3.6e12, 2), expected=f"at most {source.max_age}"),
        ],
        message=f"`{name}` has stopped: of its rows{who}, {newest} when the latest prediction is made "
        f"({minute(int(worst['now']))} UTC); at most {source.max_age} is declared.",
        remedy="Ask for the missing rows where the table comes from, and don't train or answer on what is carried on meanwhile.",
        location=place(audit, name),
    )


def _ages(audit: Audit, table: pd.DataFrame, entity: list[str], events: np.ndarray, known: np.ndarray) -> pd.DataFrame:
    """Per entity (or once for all): `now` (its latest prediction with an outcome), the `newest` row known by then, its `age`."""
    settled = np.isfinite(audit.target)
    rows = pd.DataFrame({"entity": entity_keys(audit.frame, entity)[settled], "now": _moments(audit)[settled]})
    now = rows[rows["now"] != NEVER].groupby("entity")["now"].max()
    seen = pd.DataFrame({"entity": entity_keys(table, entity), "event": events, "known": known})
    seen = seen[seen["known"] <= seen["entity"].map(now)]
    newest = seen.groupby("entity")["event"].max().reindex(now.index)
    aged = pd.DataFrame({"entity": now.index, "now": now.to_numpy(), "newest": newest.fillna(ALWAYS).to_numpy(dtype="int64")})
    known_one = aged["newest"].to_numpy() != ALWAYS
    aged["age"] = np.where(known_one, aged["now"] - np.where(known_one, aged["newest"], 0), NEVER)
    return aged


def _moments(audit: Audit) -> np.ndarray:
    """When each row is predicted; without a time, the latest event of any table, for all of them."""
    if audit.timed:
        return audit.times.prediction
    latest = ALWAYS
    for name, source in audit.contract.sources.items():
        if source.time is not None:
            times = to_utc(audit.tables[name][source.time].reset_index(drop=True), source.zone)
            latest = max(latest, int(times.max().value) if times.notna().any() else ALWAYS)
    return np.full(len(audit.frame), latest if latest != ALWAYS else NEVER)


def _example(row: pd.Series) -> dict[str, str]:
    newest = "none" if row["newest"] == ALWAYS else minute(int(row["newest"]))
    shown = {"newest row": newest, "latest prediction": minute(int(row["now"]))}
    return {**({"entity": str(row["entity"]).replace("\x1f", " / ")} if row["entity"] else {}), **shown}


def _shorter(audit: Audit, reference: Profile, declared: set[str]) -> Iterator[Finding]:
    """Tables that end earlier than at the time of the reference."""
    for name, source in audit.contract.sources.items():
        if source.time is None or name in declared or name not in reference.tables or name not in audit.tables:
            continue
        before = reference.tables[name].columns.get(source.time)
        if before is None or before.kind != "time" or before.maximum is None:
            continue
        now = profile_column(audit.tables[name][source.time])
        if now.kind == "time" and now.maximum is not None and now.maximum < before.maximum - _BACK:
            back = span_words(int(before.maximum - now.maximum))
            yield Finding(
                rule=rule.id,
                severity=Severity.WARNING,
                stage="load",
                column=source.time,
                source=f"{name}.{source.time}",
                message=f"`{name}` ends at {minute(int(now.maximum))}, {back} earlier than when the reference was taken.",
                remedy="Find out where the newest rows are; if the table was cut on purpose, take a new reference.",
                location=place(audit, name),
            )


rule = Rule("schema/freshness", "schema", "A table has stopped coming in.", check)
