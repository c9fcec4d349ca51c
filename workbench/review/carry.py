"""Carrying a sign-off over a rebase: when a verdict on one change holds for the same change on another base.

A rebased change names in its evidence (`carried.json`) where it comes from: a pointer, and no proof. What is proven is worked out
from the trees each time: the same differences byte for byte, the same policy, skills and risks, and a base that moved only where
nothing of what was judged can reach. What trees can't show (gates, effect) whoever applies has to measure again, and it has to
say the same. Whatever isn't proven is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.changes import Change, Classification, Measured, Risk, RiskKind, classify, joined
from workbench.errors import Corrupt
from workbench.policy import load_policy
from workbench.repo import Difference, Entry, Repo
from workbench.review import queue
from workbench.review.gates import CARRIED, EFFECT, GATES, GateEvidence, missing_gates, sha256
from workbench.review.queue import Assessment, QueuedChange

_WORDS = frozenset({RiskKind.DOCS, RiskKind.FORMAT, RiskKind.TEST})
"""What a base may change anywhere: nothing that a stage runs or reads."""
_SHOWN = 3


class Origin(BaseModel):
    """A change that another one is the rebase of, as it lay in the queue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    change: str
    """The id of the change."""
    queued: str
    """The commit in the queue."""
    same: dict[str, str] = {}
    """What was found to be the same when it was rebased, name → digest. Nobody believes it; it is there to be looked at."""


class _Origins(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    origins: tuple[Origin, ...]


@dataclass(frozen=True)
class Rerun:
    """Gates and effect of a rebased change. `recorded`: as they lie in the queue, good for showing; else by whoever asks."""

    gates: GateEvidence | None
    measured: Measured | None
    recorded: bool = False


@dataclass(frozen=True)
class Carry:
    """What became of the step from one change to its rebase: `differs` says what stands in the way, in words; empty: nothing."""

    origin: QueuedChange
    differs: tuple[str, ...]
    skills: dict[str, str]
    """What the loop works with on the new base."""
    same: dict[str, str]
    """Name → digest of what was compared, on the new base."""


def note(origins: Sequence[Origin]) -> bytes:
    """The piece of evidence that names them."""
    return _Origins(origins=tuple(origins)).model_dump_json().encode()


def origins_of(repo: Repo, queued: QueuedChange) -> list[Origin]:
    """What a change says it is the rebase of; Corrupt where that can't be read."""
    if CARRIED not in queued.evidence:
        return []
    try:
        return list(_Origins.model_validate_json(queue.evidence(repo, queued)[CARRIED]).origins)
    except ValidationError:
        raise Corrupt(f"Where change {queued.id} comes from can't be read.", "propose the change again") from None


def recorded(assessment: Assessment) -> Rerun:
    """What lies in the queue about a rebased change."""
    return Rerun(assessment.gates, assessment.measured, recorded=True)


def reassessed(queued: QueuedChange, assessment: Assessment, rerun: Rerun | None) -> Assessment:
    """The change as it is judged where sign-offs carry over: by the gates and the effect that were measured again."""
    if rerun is None:
        return assessment
    found = joined(assessment.classification, queued.change, [rerun.measured])
    decision = queue.decided(assessment.policy, queued.change, found, rerun.gates)
    return replace(assessment, classification=found, decision=decision, gates=rerun.gates, measured=rerun.measured)


def proof(queued: QueuedChange, rerun: Rerun) -> str:
    """What was measured again, and lies with the change as well, as a digest for the ledger."""
    gates = rerun.gates.says if rerun.gates and GATES in queued.evidence else ""
    measured = rerun.measured.says if rerun.measured and EFFECT in queued.evidence else ""
    return sha256(f"{gates}\0{measured}".encode())


def carries(repo: Repo, queued: QueuedChange, again: Assessment, rerun: Rerun | None) -> list[Carry]:
    """Each change that `queued` is the rebase of, with what keeps its sign-offs from carrying over.

    `again` is the change as `reassessed`.
    """
    return [compared(repo, queue.at(repo, one.change, one.queued), queued, again, rerun) for one in origins_of(repo, queued)]


def compared(repo: Repo, before: QueuedChange, queued: QueuedChange, again: Assessment, rerun: Rerun | None) -> Carry:
    """Whether a change is the same as before on another base, as far as can be told."""
    if before.id == queued.id:
        raise Corrupt(f"Change {queued.id} says it is its own rebase.", "propose the change again")
    differs = [
        *differing_bytes(repo, before.change, queued.change),
        *_judged_otherwise(repo, before, queued, again),
        *_moved_in_reach(repo, before, queued, again.classification),
        *_measured_otherwise(repo, before, queued, again, rerun),
    ]
    same = {
        "change": differences_digest(repo, queued.change), "policy": again.policy.digest,
        "risks": again.classification.risk_digest, "measured": proof(queued, rerun) if rerun else "",
    }  # fmt: skip
    return Carry(before, tuple(differs), queue.skills_of(repo, queued.change.base), same)


def differences_digest(repo: Repo, change: Change) -> str:
    """SHA-256 over the differences of a change: path, old entry, new entry; the same on whatever base."""
    return sha256(repr(repo.diff(change.base, change.result)).encode("utf-8", "surrogateescape"))


def differing_bytes(repo: Repo, before: Change, after: Change) -> list[str]:
    """Paths that the two changes don't change in the same way: another old entry, another new entry, or only one of them."""
    was, now = _differences(repo, before), _differences(repo, after)
    paths = sorted(path for path in was.keys() | now.keys() if was.get(path) != now.get(path))
    words = [f"{path}: {_how(was.get(path), now.get(path))}" for path in paths]
    return [*words[:_SHOWN], *([f"and {len(words) - _SHOWN} paths more"] if len(words) > _SHOWN else [])]


def _differences(repo: Repo, change: Change) -> dict[str, Difference]:
    return {one[0]: one for one in repo.diff(change.base, change.result)}


def _how(was: Difference | None, now: Difference | None) -> str:
    if was is None:
        return "is changed now and was not"
    if now is None:
        return "was changed and is not now"
    sides: list[tuple[str, Entry | None, Entry | None]] = [
        ("what it was before the change", was[1], now[1]), ("what the change makes of it", was[2], now[2])
    ]  # fmt: skip
    return " and ".join(name for name, old, new in sides if old != new) + " is other than what was signed"


def _judged_otherwise(repo: Repo, before: QueuedChange, queued: QueuedChange, assessment: Assessment) -> list[str]:
    found = []
    if before.change.author != queued.change.author:
        found.append("the author is another one")
    if load_policy(repo, before.change.base).digest != assessment.policy.digest:
        found.append("the policy changed since")
    return found


def _moved_in_reach(repo: Repo, before: QueuedChange, queued: QueuedChange, found: Classification) -> list[str]:
    """What the base's own moves touch of what was judged: any stage of a use case that the change reaches, or anything at large.

    Judged on the bases and on the results, as the change may reach what its base does not.
    """
    judged = {risk.use_case for risk in found.risks if risk.kind not in _WORDS}
    everywhere = None in judged
    own = {*judged, queued.use_case, before.use_case}
    sides = [(before.change.base, queued.change.base), (before.change.result, queued.change.result)]
    moves = [classify(repo, Change(base=old, result=new, author=queued.change.author, title="")) for old, new in sides]
    near = [
        risk for move in moves for risk in move.risks
        if risk.kind not in _WORDS and (risk.use_case is None or everywhere or risk.use_case in own)
    ]  # fmt: skip
    words = list(dict.fromkeys(_moved(risk) for risk in near))
    words += [f"the base brings {path}, which can't be written safely" for move in moves for path in move.undeliverable]
    return [*words[:_SHOWN], *([f"and {len(words) - _SHOWN} moves more"] if len(words) > _SHOWN else [])]


def _moved(risk: Risk) -> str:
    where = f"{risk.use_case}, {risk.stage}" if risk.use_case and risk.stage else risk.use_case or "any stage"
    return f"the base moved in {risk.path or 'many files'}, which can reach what was judged ({risk.kind.value}: {where})"


def _measured_otherwise(
    repo: Repo, before: QueuedChange, queued: QueuedChange, again: Assessment, rerun: Rerun | None
) -> list[str]:  # fmt: skip
    """Gates and effect on the new trees against those that were signed; other pieces have to be the same bytes."""
    if rerun is None:
        return ["gates and effect were not run again here"]
    found = [
        f"the evidence `{name}` is other than what was signed"
        for name in sorted((before.evidence.keys() | queued.evidence.keys()) - {GATES, EFFECT, CARRIED})
        if before.evidence.get(name) != queued.evidence.get(name)
    ]
    # Against what was signed, and against what lies with the rebased change, which is what others can look at later.
    pieces = [queue.evidence(repo, one) for one in (before, queued)]
    found += missing_gates(again.decision.requires.gates, rerun.gates, queued.change.result)
    if any(not _same_gates(one, rerun.gates, queued.change.result) for one in pieces):
        found.append("the gates were not run again on this result, or say something other than what was signed")
    measured = rerun.measured
    if measured is None or not measured.is_about(queued.change) or not measured.complete:
        found.append("running base and result was not measured again on these trees, to the end")
    elif any(EFFECT in one and not _same_effect(one[EFFECT], measured) for one in pieces):
        found.append("running base and result shows something other than what was signed")
    return found


def _same_gates(pieces: Mapping[str, bytes], gates: GateEvidence | None, tree: str) -> bool:
    if GATES not in pieces:
        return True
    said = GateEvidence.from_report(pieces[GATES])
    return said is not None and gates is not None and gates.tree == tree and bool(said.says) and said.says == gates.says


def _same_effect(piece: bytes, measured: Measured) -> bool:
    said = Measured.read(piece)
    return said is not None and said.complete and said.says == measured.says
