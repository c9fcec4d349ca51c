"""Drills: changes with and without a planted leak put into the queue like any other, and what reviewers made of them.

The changes come from the caller (`mutants/drills.py` makes them of the catalogue). Each is sealed before it is queued: a kill
half way leaves at worst a seal without a change, and never a change that could be applied. What is reported is worked out from
the signed sign-offs: a reviewer's first verdict on a drill counts, and no other.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Literal

from pydantic import BaseModel, ConfigDict

from workbench.changes import Author, Change, Classification, Measured, classify, joined
from workbench.policy import Policy, load_policy
from workbench.policy.reviewers import normal
from workbench.repo import Repo
from workbench.review import queue, seals, signoff, sshsig
from workbench.review.gates import EFFECT
from workbench.review.seals import Drill, Seals
from workbench.review.signoff import SignOff, Verdict

_Groups = defaultdict[str, list["Decided"]]
Runs = Callable[[Change, Classification], Measured | None]


@dataclass(frozen=True)
class Planned:
    """A change that could be planted. `kind` and `name` say what it is, `title` is what the reviewer reads.

    `edits` are paths and their new bytes; no real change may bring in the bytes at `planted`.
    """

    leak: bool
    kind: str
    name: str
    title: str
    edits: Mapping[str, bytes]
    planted: str


class Decided(BaseModel):
    """One reviewer's first verdict on one drill. `seconds` is how long it took them, at most."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    change: str
    use_case: str
    leak: bool
    kind: str
    name: str
    reviewer: str
    verdict: Verdict
    right: bool
    at: datetime
    seconds: float


class Tally(BaseModel):
    """Verdicts counted. A leak that was not approved is caught; a harmless change that was not approved is a false alarm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    leaks: int
    caught: int
    harmless: int
    false_alarms: int
    catch_rate: float | None
    """None where no leak was decided on."""
    false_alarm_rate: float | None
    median_seconds: float | None


class Row(BaseModel):
    """The verdicts of one reviewer on one kind in one month (`2026-03`, UTC)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    month: str
    reviewer: str
    kind: str
    tally: Tally


class DrillReport(BaseModel):
    """`workbench drill report --json`. Of drills that nobody decided on it says how many there are, and no more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    waiting: int
    overall: Tally
    by_reviewer: dict[str, Tally]
    by_kind: dict[str, Tally]
    over_time: list[Row]
    decisions: list[Decided]


def plant(
    repo: Repo, groups: Sequence[Iterable[Planned]], count: int, *, seed: int, base: str, use_case: str, author: Author,
    runs: Runs | None = None, now: Callable[[], datetime] | None = None,
) -> list[int]:  # fmt: skip
    """Seals and queues the first `count` of each group that fit onto the tree `base`, mixed; returns how many of each there were.

    One fits that a person has to see, and of which running it (`runs`, whose result becomes its evidence) shows no failure. What
    lies in the queue already counts and is left as it is, so that asking again with the same seed after a kill completes the set.
    """
    clock = now or (lambda: datetime.now(UTC))
    policy, known, done = load_policy(repo, base), Seals.read(repo), [0] * len(groups)
    left = [iter(group) for group in groups]
    turns = [number for number in range(len(groups)) for _ in range(count)]
    random.Random(seed).shuffle(turns)
    for turn in turns:
        for each in left[turn]:
            result = repo.write_tree(base, each.edits)
            change = Change(base=base, result=result, author=author, title=each.title, words=f"- {each.title}")
            drill = Drill(change=change.id, use_case=use_case, leak=each.leak, kind=each.kind, name=each.name, at=clock())
            if _planted(repo, policy, change, drill, known, runs, each.planted):
                done[turn] += 1
                break
    return done


def _planted(
    repo: Repo, policy: Policy, change: Change, drill: Drill, known: Seals, runs: Runs | None, path: str
) -> bool:  # fmt: skip
    """Whether the change is in the queue as a drill now."""
    sealed = known.drill(change.id) is not None
    if repo.refs(queue.PREFIX + change.id):
        return sealed
    evidence = _seen(repo, policy, change, runs)
    if evidence is None:
        return False
    if not sealed:
        seals.seal(repo, change, drill, [path])
    _queue(repo, policy, change, evidence, drill.use_case, drill.at)
    return True


def _seen(repo: Repo, policy: Policy, change: Change, runs: Runs | None) -> dict[str, bytes] | None:
    """The change's evidence; None where no person would be asked about it, or where it fails when it is run."""
    found = classify(repo, change)
    measured = runs(change, found) if runs is not None else None
    both = joined(found, change, [measured])
    if queue.decided(policy, change, both, None).decision != "review":
        return None
    if measured is None:
        return {}
    return None if any(risk.kind.value == "unknown" for risk in measured.risks) else {EFFECT: measured.content}


def _queue(repo: Repo, policy: Policy, change: Change, evidence: dict[str, bytes], use_case: str, at: datetime) -> None:
    found = joined(classify(repo, change), change, [Measured.read(evidence.get(EFFECT))])
    decision = queue.decided(policy, change, found, None)
    digits, microsecond = seals.told_by(change)
    queue.propose(
        repo, change, found, decision, evidence, use_case=use_case, session=f"{at:%Y-%m-%d}-{use_case}-{digits}",
        now=at.replace(microsecond=microsecond),
    )  # fmt: skip


def report(repo: Repo) -> DrillReport:
    """What came of the drills so far."""
    known = Seals.read(repo)
    names = [ref.removeprefix(queue.PREFIX) for ref in repo.refs(queue.PREFIX)] if known.found else []
    drills = {name: drill for name in names if (drill := known.drill(name)) is not None}
    given = {ref.removeprefix(signoff.PREFIX).partition("/")[0] for ref in repo.refs(signoff.PREFIX)} if drills else set()
    every = {name: signoff.signoffs(repo, name)[0] for name in given}
    decisions = sorted(_decisions(repo, drills, every), key=lambda one: (one.at, one.change, one.reviewer))
    by_reviewer, by_kind, over_time = _Groups(list), _Groups(list), defaultdict[tuple[str, str, str], list[Decided]](list)
    for one in decisions:
        by_reviewer[one.reviewer].append(one)
        by_kind[one.kind].append(one)
        over_time[f"{one.at:%Y-%m}", one.reviewer, one.kind].append(one)
    return DrillReport(
        waiting=len(drills.keys() - {one.change for one in decisions}),
        overall=_tally(decisions),
        by_reviewer={name: _tally(found) for name, found in sorted(by_reviewer.items())},
        by_kind={kind: _tally(found) for kind, found in sorted(by_kind.items())},
        over_time=[
            Row(month=month, reviewer=who, kind=kind, tally=_tally(found))
            for (month, who, kind), found in sorted(over_time.items())
        ],
        decisions=decisions,
    )


def _decisions(repo: Repo, drills: Mapping[str, Drill], every: Mapping[str, list[SignOff]]) -> Iterator[Decided]:
    """Each reviewer's first signed verdict on each drill, from `every` recorded sign-off by change."""
    times: dict[str, list[datetime]] = {}
    for given in (one for signed in every.values() for one in signed):
        times.setdefault(normal(given.payload.reviewer), []).append(given.payload.at)
    for name, drill in drills.items():
        if name not in every:
            continue
        queued = queue.get(repo, name)
        policy, first = load_policy(repo, queued.change.base), dict[str, SignOff]()
        for given in every[name]:
            if given.payload.change == queued.digest and _signed(given, policy):
                first.setdefault(normal(given.payload.reviewer), given)
        for reviewer, given in first.items():
            said = given.payload
            # What is recorded is when a verdict was given: they can't have begun before it was there, or before their last one.
            since = max([queued.proposed_at, *(at for at in times[reviewer] if at < said.at)])
            yield Decided(
                change=name, use_case=drill.use_case, leak=drill.leak, kind=drill.kind, name=drill.name, reviewer=reviewer,
                verdict=said.verdict, right=drill.leak != (said.verdict == "approve"), at=said.at,
                seconds=round(max(0.0, (said.at - since).total_seconds()), 1),
            )  # fmt: skip


def _signed(given: SignOff, policy: Policy) -> bool:
    try:
        reviewer = policy.reviewer_of_key(sshsig.verify(given.signature, given.payload.canonical))
    except sshsig.BadSignature:
        return False
    return reviewer is not None and normal(reviewer.identity) == normal(given.payload.reviewer)


def _tally(decisions: list[Decided]) -> Tally:
    leaks = [one for one in decisions if one.leak]
    harmless = [one for one in decisions if not one.leak]
    caught, alarms = sum(one.right for one in leaks), sum(not one.right for one in harmless)
    return Tally(
        leaks=len(leaks), caught=caught, harmless=len(harmless), false_alarms=alarms,
        catch_rate=round(caught / len(leaks), 4) if leaks else None,
        false_alarm_rate=round(alarms / len(harmless), 4) if harmless else None,
        median_seconds=round(median(one.seconds for one in decisions), 1) if decisions else None,
    )  # fmt: skip
