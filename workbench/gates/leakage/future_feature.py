"""Features that know the future.

**What it does.** Runs the features stage again in worlds in which everything that the contract says wasn't known at a cutoff has
been changed: removed, replaced by other values, made fewer and made more. Every row predicted at or before the cutoff has to
come out the same. A value that moves was read from a cell that nobody had at prediction time; the finding names that cell and
how far in the future it lies.

**Why it is bad.** The feature can't be had when the model is used, so the evaluation measures something that production won't do.

**Leaking.**

    frame["roll_24h"] = flights.groupby("origin").dep_delay.transform(lambda s: s.shift(1).rolling(24).mean())  # horizon: 24 h

**Repaired.**

    frame["roll_24h"] = flights.groupby("origin").dep_delay.transform(lambda s: s.shift(24 + 3).rolling(24).mean())

The newest delay in the window is now known (3 h after its hour) when the prediction is made (24 h before).

**What counts as known.** A cell is known at its row's time plus the declared lag, at the time another column says, or always. A
row's time and entity columns are known as early as its earliest known cell, unless declared: a plan that is published can be
joined. A `known_at` column is known at the time it says, unless declared. The target is left out: whether a row's outcome exists
yet is the split's business. Rows whose outcome isn't known at the cutoff may be absent from a world, others may not.

**How it can be wrong.** It believes the contract: a lag declared too short hides a leak, one too long invents one. It probes
some cutoffs: a pass says that nothing was found there. What couldn't be tried (a stage that fails in a changed world, a column
that isn't the same in two runs on the same tables) is reported and never passed. Differences of a few units in the last place
are rounding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.findings import Finding, Location, MovedCell, Rows, Severity, Text
from workbench.gates.attribution import Attribution, Read
from workbench.gates.comparison import Reference, judged_columns, unlisted_columns
from workbench.gates.leakage.refits import read_by_model
from workbench.gates.outcome import Outcome
from workbench.gates.probes import Build, Probe
from workbench.gates.rule import NotApplicable, NotExercised, Rule
from workbench.gates.traces import feature_trace, written
from workbench.pipeline.times import duration, frame_zone, moment, nanoseconds, prediction_times, short

if TYPE_CHECKING:
    from workbench.gates.audit import Audit
    from workbench.pipeline.contract import Contract
    from workbench.pipeline.results import Fold

RULE = "leakage/future-feature"


@dataclass
class Explored:
    """What the changed worlds showed about the features stage."""

    reference: Reference
    outcome: Outcome
    reads: list[Read]
    """Every feature that moved and the cell it was traced to."""
    findings: list[Finding]
    reason: str
    """Why the gate can't be passed though nothing was found; empty where it can."""


def check(audit: Audit) -> Iterable[Finding]:
    """Findings for every feature that moved; NotExercised where the worlds could not be tried."""
    seen = explored(audit)
    if seen.reason:
        raise NotExercised(seen.reason)
    return seen.findings


def explored(audit: Audit) -> Explored:
    """The worlds of one audit, run once however many rules ask.

    Raises NotApplicable where the contract has no time, NotExercised where there is no feature to look at.
    """
    contract = audit.contract
    if contract.prediction.target_time is None:
        raise NotApplicable("the contract declares no target_time")
    if audit.opaque:
        raise NotApplicable("the pipeline is one `backtest` stage; its features can't be seen inside it")
    audit.rest_on("prediction.horizon", "prediction.prediction_time")

    def build(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        frame = audit.pipeline.run(tables, until="features").frame
        if frame is None:
            raise PipelineError("The features stage returned no frame.", "return a DataFrame", stage="features")
        return frame

    def compute() -> Explored:
        return explore(
            contract,
            audit.tables,
            audit.frame,
            build,
            folds=audit.base.folds,
            quick=audit.quick,
            location=audit.location("features"),
            mentioned=audit.mentioned("features"),
            progress=audit.progress,
            read_by_model=lambda columns: _read_by_model(audit, columns),
        )

    seen = audit.once("explored", compute)
    audit.probed(seen.outcome.cohorts, "cohorts")
    return seen


def examine(
    contract: Contract, tables: Mapping[str, pd.DataFrame], frame: pd.DataFrame, build: Build, *, quick: bool = False
) -> list[Finding]:
    """The rule on frames and a callable, without a host. Raises NotExercised."""
    seen = explore(contract, tables, frame, build, quick=quick)
    if seen.reason:
        raise NotExercised(seen.reason)
    return seen.findings


def explore(
    contract: Contract,
    tables: Mapping[str, pd.DataFrame],
    frame: pd.DataFrame,
    build: Build,
    *,
    folds: Sequence[Fold] = (),
    quick: bool = False,
    location: Location | None = None,
    mentioned: frozenset[str] = frozenset(),
    progress: Callable[[str], None] | None = None,
    read_by_model: Callable[[list[str]], frozenset[str]] = lambda columns: frozenset(),
) -> Explored:
    """`frame` is the result of `build(tables)`; `quick` runs two worlds only; `mentioned` are names that the code says;
    `read_by_model` says which columns the model reads though the contract doesn't list them.

    Raises NotExercised where there is no feature to look at.
    """
    judged, unlisted = judged_columns(contract, frame), unlisted_columns(contract, frame)
    if not len(frame):
        raise NotExercised("the feature frame is empty")
    lacking = [column for column in judged if column not in frame.columns]
    if lacking:
        raise NotExercised(f"the feature frame has no column `{lacking[0]}`, which the contract lists as a feature")
    if not judged:
        raise NotExercised("the feature frame has no feature")
    reference = Reference(contract, frame, [*judged, *unlisted])
    probe = Probe(contract, tables, reference, build, progress=progress)
    outcome = probe.explore(_first_tests(contract, frame, folds), quick=quick)
    if not reference.stable_rows:
        raise NotExercised("two runs on the same tables gave different rows; make the features stage deterministic")
    read = read_by_model([column for column in unlisted if column in outcome.hits or column in reference.unstable])
    words = _Words(contract, probe, outcome, frozenset(judged) | read, location)
    reads = Attribution(probe, mentioned).explain(outcome.hits)
    findings = [*words.unstable(), *words.moved(reads), *words.rows()]
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    constant = [column for column in judged if frame[column].nunique(dropna=False) <= 1]
    if len(constant) == len(judged):
        outcome.reasons.append("every feature is constant: none could move")
    reason = "" if failed else "; ".join(outcome.reasons)
    return Explored(reference, outcome, reads, [*findings, *words.label(), *words.constant(constant), *words.unseen()], reason)


def _read_by_model(audit: Audit, columns: list[str]) -> frozenset[str]:
    """Of columns that aren't listed as features, those that matter all the same."""
    try:
        return read_by_model(audit, columns)
    except NotExercised:  # nothing can be fitted, hence nothing reads them; the split's own rules say so
        return frozenset()


def _first_tests(contract: Contract, frame: pd.DataFrame, folds: Sequence[Fold]) -> list[int]:
    """When each fold's first test prediction is made, nanoseconds."""
    never = np.iinfo(np.int64).max
    predicted = nanoseconds(prediction_times(contract, frame), never)
    firsts = [int(predicted[fold.test].min()) for fold in folds if len(fold.test)]
    return [first for first in firsts if first != never]


class _Words:
    """Findings in words, from what the worlds showed."""

    def __init__(
        self, contract: Contract, probe: Probe, outcome: Outcome, judged: frozenset[str], location: Location | None
    ) -> None:
        self.contract = contract
        self.probe = probe
        self.reference = probe.reference
        self.outcome = outcome
        self.judged = judged
        self.location = location
        self.zone = frame_zone(contract) or "UTC"

    def _finding(self, severity: Severity, message: str, remedy: str, **facts: object) -> Finding:
        return Finding.model_validate(
            {"rule": RULE, "severity": severity, "stage": "features", "message": message, "remedy": remedy,
             "location": self.location, **facts}
        )  # fmt: skip

    def unstable(self) -> Iterator[Finding]:
        for column in self.reference.unstable:
            yield self._finding(
                self._severity(column),
                f"`{column}` isn't the same in two runs on the same tables, so it can't be verified.",
                "Make it deterministic: seed what is random, fix the order of rows and ties, and don't read the clock.",
                column=column,
                evidence=[Text(text="two runs of the features stage on the same tables gave different values")],
            )

    def _severity(self, column: str) -> Severity:
        return Severity.ERROR if column in self.judged else Severity.NOTE

    def moved(self, reads: Sequence[Read]) -> Iterator[Finding]:
        for read in reads:
            reach = short(pd.Timedelta(max(read.lookahead, 0), unit="ns"))
            yield self._finding(
                self._severity(read.feature),
                self._sentence(read, reach),
                self._remedy(read),
                column=read.feature,
                source=_source(read),
                lookahead=reach,
                rows=len(read.rows),
                evidence=[self._proof(read), feature_trace(self.reference, read)],
            )

    def _sentence(self, read: Read, reach: str) -> str:
        row = read.row
        what = f"`{_source(read)}`" if read.source else "several sources together"
        if read.existence and read.source:
            what = f"which rows `{read.source}` has, or when they are,"
        until = f"up to {_spoken(reach)} after the prediction" + (", to the last row there is" if read.open_end else "")
        return f"`{read.feature}` at {self._row_name(row)} reads {what} {until}."

    def _row_name(self, row: int) -> str:
        rows = self.reference.rows
        entity = " / ".join(self._entity(row).values())
        return f"{entity} {self._local(rows.target[row])} (predicted {self._local(rows.predicted[row])})".strip()

    def _entity(self, row: int) -> dict[str, str]:
        return {name: str(self.reference.frame[name].iloc[row]) for name in self.contract.prediction.entity}

    def _local(self, nanos: int) -> str:
        return f"{moment(nanos).tz_convert(self.zone):%Y-%m-%d %H:%M}"

    def _proof(self, read: Read) -> MovedCell:
        rows = self.reference.rows
        hits = self.outcome.hits[read.feature]
        frame = self.reference.frame
        return MovedCell(
            entity=self._entity(read.row),
            target_time=moment(rows.target[read.row]).isoformat(),
            prediction_time=moment(rows.predicted[read.row]).isoformat(),
            cutoff=moment(read.cut.at).isoformat(),
            world=read.world,
            before=written(frame[read.feature].iloc[read.row]),
            after=written(read.after),
            cohorts=len({hit.cut.at for hit in hits}),
            probed=max(self.outcome.cohorts, 1),
        )

    def _remedy(self, read: Read) -> str:
        prediction = self.contract.prediction
        made = (
            f"`{prediction.prediction_time}`" if prediction.prediction_time
            else f"{short(duration(prediction.horizon))} before `{prediction.target_time}`"
        )  # fmt: skip
        if read.existence:
            return (
                f"Count and date only rows that are there when the prediction is made ({made}); what depends on how long a "
                "series goes on, or on its last row, isn't known then."
            )
        if read.source is None or read.column is None:
            return f"Use only cells known when the prediction is made ({made})."
        when = self._availability(read.source, read.column)
        start = f"Use only values of `{read.source}.{read.column}` known when the prediction is made ({made}); {when}."
        if read.open_end:
            return start + (
                " A statistic over all rows (mean, rank, scale, fill, encoding) belongs on the rows before each prediction "
                "(expanding, after the lag), or into `fit` on the training rows."
            )
        return start + (
            " Lag it by the horizon plus that delay before rolling, filling or aggregating; join by known time, backwards only."
        )

    def _availability(self, source: str, column: str) -> str:
        facts = self.contract.sources[source]
        own = facts.columns.get(column)
        if own is not None and own.known_at is not None:
            return f"a value is known at its `{own.known_at}`"
        lag = duration(own.known_after if own is not None and own.known_after is not None else facts.known_after)
        after = "at" if not lag.value else f"{short(lag)} after"
        return f"a value is known {after} its `{facts.time}`"

    def rows(self) -> Iterator[Finding]:
        """Rows of the frame that are there, or not there, only because of what came later."""
        if not self.outcome.vanished and not self.outcome.appeared:
            return
        gone = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *(rows for _, _, rows in self.outcome.vanished)]))
        new = max((count for _, _, count in self.outcome.appeared), default=0)
        worlds = sorted({world for world, *_ in [*self.outcome.vanished, *self.outcome.appeared]})
        target = self.contract.prediction.target_time
        words = []
        if len(gone):
            words.append(f"{len(gone):,} rows whose outcome was known are there only because of what came later")
        if new:
            words.append(f"{new:,} rows are left out only because of what came later")
        examples = [{**self._entity(int(row)), str(target): self._local(self.reference.rows.target[row])} for row in gone[:3]]
        yield self._finding(
            Severity.ERROR,
            f"Which rows the feature frame has depends on the future: {', and '.join(words)} ({', '.join(worlds)} world).",
            "Choose rows by what is known when the prediction is made: don't filter, deduplicate, sample or drop incomplete rows "
            "by later values; if the outcome itself is known later, raise `label_known_after`.",
            rows=len(gone) + new,
            evidence=[Rows(count=len(gone) + new, of=len(self.reference.frame), examples=examples)],
        )

    def label(self) -> Iterator[Finding]:
        late = self.outcome.label_moved
        if not len(late):
            return
        target = self.contract.prediction.target
        after = short(duration(self.contract.prediction.label_known_after))
        yield self._finding(
            Severity.WARNING,
            f"The target `{target}` is still open when the contract says it is known ({after} after the target time): it reads "
            "cells that become known later.",
            "Raise `label_known_after` to when the last value that makes up the target is known, or correct the sources' "
            "`known_after`.",
            column=target,
            rows=len(late),
            evidence=[Rows(count=len(late), of=len(self.reference.frame), examples=[self._entity(int(row)) for row in late[:3]])],
        )

    def constant(self, columns: Sequence[str]) -> Iterator[Finding]:
        for column in columns:
            yield self._finding(
                Severity.WARNING,
                f"`{column}` is constant: nothing about it could be tested, and nothing can be learnt from it.",
                "Take it out, or find out why it doesn't vary.",
                column=column,
            )

    def unseen(self) -> Iterator[Finding]:
        notes = self.outcome.notes + self.outcome.reasons
        if notes:
            yield self._finding(
                Severity.NOTE,
                f"Not everything could be tried: {notes[0]}" + (f" (and {len(notes) - 1} more)." if len(notes) > 1 else "."),
                "Let the features stage stand missing and unseen values, as it will have to when it serves.",
                evidence=[Text(text=note) for note in notes[:10]],
            )


def _source(read: Read) -> str | None:
    if read.source is None:
        return None
    return f"{read.source}.{read.column}" if read.column else read.source


def _spoken(reach: str) -> str:
    """`23h` → `23 h`."""
    return re.sub(r"(?<=\d)(?=[a-z])", " ", re.sub(r"(?<=[a-z])(?=\d)", " ", reach))


rule = Rule(
    id=RULE,
    gate="features",
    summary="A feature reads what isn't known when its prediction is made.",
    check=check,
)
