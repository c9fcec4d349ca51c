"""A source column that is used before it is known.

**What it does.** Takes what the features gate has proved about which feature reads which cell too early, and looks at it from the
source's side: one finding per source column whose values tell of something that had happened by the time of the prediction but
were known only later (a label that takes two hours, a figure that is published ten days on, a later vintage of it), and per
column of a side table that is joined by what came after the prediction (the latest snapshot, the nearest or next entry). It
needs no run of its own.

**Why it is bad.** The event lies in the past, so the date filter looks right and the code reads well. But on the day itself the
value wasn't there yet, or another one was: the model learns from something it will not have when it is asked.

**Leaking** (`index = { known_at = "published" }`, `published` is ten days after `period`)

    frame = pd.merge_asof(frame, macro, left_on="predicted_at", right_on="period")

**Repaired**

    frame = pd.merge_asof(frame, macro.sort_values("published"), left_on="predicted_at", right_on="published")

Where a plain delay is declared (`known_after = "3h"`), a lag by horizon plus delay does the same.

**How it can be wrong.** It believes the contract's `known_after` and `known_at`: a delay that is declared too long makes an
honest lag look late, one that is too short hides a leak. Which rows of a joined table count as a side table is told by its keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.findings import Evidence, Finding, MovedCell, Severity, Text
from workbench.gates.attribution import Read
from workbench.gates.availability.declared_times import Fact, declared_fact, event_times, has_row_of
from workbench.gates.comparison import judged_columns
from workbench.gates.leakage.future_feature import Explored, explored
from workbench.gates.rule import NotExercised, Rule
from workbench.gates.spans import minute, span_words
from workbench.gates.traces import feature_trace, written
from workbench.pipeline.asof import ALWAYS, NEVER, KnownTimes, entity_keys, known_times
from workbench.pipeline.times import moment

if TYPE_CHECKING:
    from workbench.gates.audit import Audit


@dataclass(frozen=True)
class Cell:
    """The source cell that best fits a read: nanoseconds UTC of its event and of when it is known."""

    event: int
    known: int


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per source column; NotExercised where the features gate could not look."""
    seen = explored(audit)
    if seen.reason:
        raise NotExercised(f"the features gate could not look: {seen.reason}")
    known = known_times(audit.contract, audit.tables) if seen.reads else None
    by_column: dict[tuple[str, str], list[tuple[Read, Cell]]] = {}
    for read in seen.reads:
        if read.source is None or read.column is None or known is None:
            continue
        cell = _cell(audit, known, read, int(seen.reference.rows.predicted[read.row]))
        predicted = int(seen.reference.rows.predicted[read.row])
        if cell is not None and (cell.event <= predicted or not has_row_of(audit, read.source)):
            by_column.setdefault((read.source, read.column), []).append((read, cell))
    for (source, column), reads in sorted(by_column.items()):
        yield _finding(audit, seen, source, column, reads)


def _cell(audit: Audit, known: KnownTimes, read: Read, predicted: int) -> Cell | None:
    """The first cell of the column, among those that can have been read, that isn't known at the row's prediction."""
    assert read.source is not None and read.column is not None
    table = audit.tables[read.source]
    if read.column not in table.columns:
        return None
    times = known.cells[read.source][read.column]
    late = (times > max(predicted, predicted + read.lookahead - 1)) & (times != NEVER) & (times != ALWAYS)
    names = [name for name in audit.contract.prediction.entity if name in table.columns]
    if names:
        # A row's own entity first; a feature may as well read those of others.
        own = np.asarray(entity_keys(table, names) == entity_keys(audit.frame[names].iloc[[read.row]], names)[0])
        late = late & own if bool((late & own).any()) else late
    places = np.flatnonzero(late)
    if not len(places):
        return None
    events = event_times(audit.contract, audit.tables, read.source)
    first = places[times[places] == times[places].min()]
    event = int(events[first].min()) if events is not None else int(times[first[0]])
    return Cell(event, int(times[first[0]]))


def _finding(audit: Audit, seen: Explored, source: str, column: str, reads: Sequence[tuple[Read, Cell]]) -> Finding:
    readers = sorted({read.feature for read, _ in reads})
    judged = set(judged_columns(audit.contract, audit.frame))
    # The clearest case speaks for the others: an event that had happened, known the latest after it was used.
    predicted = seen.reference.rows.predicted
    read, cell = max(reads, key=lambda pair: (pair[1].event <= predicted[pair[0].row], pair[1].known - predicted[pair[0].row]))
    late = cell.known - int(predicted[read.row])
    fact = declared_fact(audit.contract, source, column)
    audit.rest_on(*fact.paths)
    rows = np.unique(np.concatenate([one.rows for one, _ in reads]))
    names = ", ".join(f"`{name}`" for name in readers[:4]) + (f" and {len(readers) - 4} more" if len(readers) > 4 else "")
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR if judged & set(readers) else Severity.NOTE,
        stage="features",
        column=next((name for name in readers if name in judged), readers[0]),
        source=f"{source}.{column}",
        lookahead=span_words(late),
        rows=len(rows),
        evidence=_evidence(audit, seen, read, fact),
        message=_sentence(source, column, names, read, cell, int(predicted[read.row]), late),
        remedy=_remedy(source, column, fact),
        location=audit.location("features"),
    )


def _sentence(source: str, column: str, names: str, read: Read, cell: Cell, predicted: int, late: int) -> str:
    made, event, known = (minute(at) for at in (predicted, cell.event, cell.known))
    what = f"Which rows `{source}` has" if read.existence else f"`{source}.{column}`"
    is_used = "is used before anybody knows it"
    if cell.event <= predicted:
        return (
            f"{what} {is_used}, by {names}: what happened at {event} was over when the prediction was made ({made} UTC), but "
            f"was known only at {known}, {span_words(late)} later."
        )
    return (
        f"{what} {is_used}, by {names}: the prediction of {made} UTC is joined to the entry of {event}, which was known at "
        f"{known}, {span_words(late)} later."
    )


def _evidence(audit: Audit, seen: Explored, read: Read, fact: Fact) -> list[Evidence]:
    rows, frame = seen.reference.rows, seen.reference.frame
    moved = MovedCell(
        entity={name: str(frame[name].iloc[read.row]) for name in audit.contract.prediction.entity},
        target_time=moment(int(rows.target[read.row])).isoformat(),
        prediction_time=moment(int(rows.predicted[read.row])).isoformat(),
        cutoff=moment(read.cut.at).isoformat(),
        world=read.world,
        before=f"{read.feature} {written(frame[read.feature].iloc[read.row])}",
        after=written(read.after),
    )
    return [moved, feature_trace(seen.reference, read), Text(text=f"the contract says so: {fact.words}")]


def _remedy(source: str, column: str, fact: Fact) -> str:
    if fact.clock is not None:
        return (
            f"Join `{source}` as of `{fact.clock}`, backwards, with the prediction time on the other side: the newest entry "
            f"whose `{fact.clock}` is not after the prediction."
        )
    if fact.delay:
        return (
            f"Shift `{source}.{column}` by {fact.delay} (and the horizon), or join as of its known time "
            f"(`{fact.time}` + {fact.delay}), backwards, before rolling, filling or aggregating."
        )
    return (
        f"Join `{source}` as of `{fact.time}`, backwards, with the prediction time on the other side; no nearest, next or last."
    )


rule = Rule("availability/late-source", "availability", "A source column is used before it is known.", check)
