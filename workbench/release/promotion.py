"""Moving an alias: the one function that does, and what it demands of exactly this model version.

Lives here: the demands of each step (staging, champion), the move itself with its two lines of history, settling a move
that was killed halfway, and noticing an alias that was moved past the workbench. Not here: choosing where a rollback
leads (`rollback`), the record (`history`), MLflow (`registry`).

The boundary is this module and not its callers: the loop, a skill or the command line ask, and it verifies for itself.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.errors import Refusal, UsageError
from workbench.release import history
from workbench.release.acceptance import acceptance
from workbench.release.history import Flip, Move
from workbench.release.lineage import Lineage, ModelVersion, Scores
from workbench.release.locking import locked
from workbench.release.registry import Registry
from workbench.settings import Settings

STEPS = ("staging", "champion")
"""The aliases in the order in which a version gets them."""

REQUIRED_GATES = ("features", "split", "fit", "metric", "schema")
"""Gates that have to have passed, or to have been asked and found without a subject in this use case."""


@dataclass(frozen=True)
class Standing:
    """Where an alias stands: by the record, and in the registry. `moved_outside` when nothing on record explains it."""

    alias: str
    recorded: int | None
    actual: int | None
    pending: Flip | None = None

    @property
    def moved_outside(self) -> bool:
        explained = {self.recorded} if self.pending is None else {self.pending.before, self.pending.after}
        return self.actual not in explained


def standing(settings: Settings, registry: Registry, use_case: str, alias: str) -> Standing:
    """Where `alias` stands now. Reads only."""
    flips = history.flips(history.read(settings, use_case))
    return _standing(flips, registry.aliases(use_case), alias)


def standings(settings: Settings, registry: Registry, use_case: str) -> list[Standing]:
    """Every alias that is on record or in the registry."""
    flips = history.flips(history.read(settings, use_case))
    actual = registry.aliases(use_case)
    names = dict.fromkeys([*STEPS, *(flip.alias for flip in flips.flips), *sorted(actual)])
    found = [_standing(flips, actual, name) for name in names]
    return [one for one in found if one.recorded is not None or one.actual is not None or one.pending]


def promote(
    settings: Settings,
    use_case: str,
    version: int,
    alias: str,
    *,
    actor: str,
    reason: str,
    evidence: Mapping[str, str] | None = None,
    registry: Registry | None = None,
    progress: Callable[[str], None] | None = None,
) -> Flip:
    """Points `alias` at `version` if everything that this step demands holds on exactly this version.

    Called again for a move that is done, it returns that move; called after a kill, it first finishes what was begun.
    On an alias that was moved past the workbench it does one thing only: to put back the version on record.

    Raises UsageError for an alias or version that doesn't exist, Refusal (with every reason) where a demand isn't met or the
    alias was moved outside, Corrupt where model, report or lineage aren't what was registered.
    """
    if alias not in STEPS:
        raise UsageError(f"`{alias}` is not an alias to promote to.", f"one of: {', '.join(STEPS)}")
    registry = registry or Registry(settings, progress=progress)
    with locked(settings, f"flip-{use_case}"):
        now = _settled(settings, registry, use_case, alias)
        candidate = registry.version(use_case, version)
        if now.moved_outside and now.recorded == version:
            return _move(settings, registry, candidate, now, "put-back", actor, reason, evidence or {})
        if now.moved_outside and now.recorded is not None:
            raise moved_outside(use_case, now)
        if now.recorded == version and not now.moved_outside:
            return _last(settings, use_case, alias)
        proof = _demanded(settings, registry, candidate, alias, now.recorded)
        return _move(settings, registry, candidate, now, "promote", actor, reason, {**(evidence or {}), **proof})


def roll_back(settings: Settings, registry: Registry, use_case: str, alias: str, *, actor: str, reason: str) -> Flip:
    """Points `alias` at the version before the present one, by the history. See `rollback.rollback`."""
    with locked(settings, f"flip-{use_case}"):
        now = _settled(settings, registry, use_case, alias)
        if now.recorded is None:
            raise Refusal(f"{use_case} has no {alias} to roll back.", f"see `workbench status {use_case}`")
        if now.moved_outside:
            raise moved_outside(use_case, now)
        previous = history.flips(history.read(settings, use_case)).previous(alias)
        if previous is None:
            raise Refusal(
                f"{use_case} version {now.recorded} is the first {alias}: there is no version before it.",
                f"promote another version: see `workbench status {use_case}`",
            )
        target = registry.version(use_case, previous)
        registry.read_model(target)  # one that can't be loaded would make things worse
        evidence = {"from": str(now.recorded), "model_sha256": target.lineage.model_sha256}
        return _move(settings, registry, target, now, "rollback", actor, reason, evidence)


def moved_outside(use_case: str, where: Standing) -> Refusal:
    """The refusal for an alias that nothing on record explains."""
    found = f"at version {where.actual}" if where.actual is not None else "gone"
    return Refusal(
        f"The {where.alias} of {use_case} was moved past the workbench: it is {found}, on record is version {where.recorded}.",
        f"put back what is on record: `workbench promote {use_case} --version {where.recorded} --to {where.alias} --reason …`",
    )


def _standing(flips: history.Flips, actual: Mapping[str, int], alias: str) -> Standing:
    pending = flips.pending()
    return Standing(
        alias, flips.recorded(alias), actual.get(alias), pending if pending is not None and pending.alias == alias else None
    )


def _settled(settings: Settings, registry: Registry, use_case: str, alias: str) -> Standing:
    """Finishes a move that was killed between its intent and its end, then says where `alias` stands."""
    pending = history.flips(history.read(settings, use_case)).pending()
    if pending is not None:
        where = standing(settings, registry, use_case, pending.alias)
        # What was demanded is proven by the intent; a third party's move in between is shown by `before` and undone here.
        if where.actual != pending.after:
            registry.set_alias(use_case, pending.alias, pending.after)
        history.append(settings, use_case, history.Done(id=pending.id))
    return standing(settings, registry, use_case, alias)


def _move(
    settings: Settings,
    registry: Registry,
    target: ModelVersion,
    now: Standing,
    move: Move,
    actor: str,
    reason: str,
    evidence: Mapping[str, str],
) -> Flip:
    if not actor.strip() or not reason.strip():
        raise UsageError("A move needs to say who makes it, and why.", "give --reason TEXT (and --actor NAME)")
    use_case = target.lineage.use_case
    shown = dict(evidence)
    if now.moved_outside:
        shown["displaced"] = str(now.actual)
    intent = history.Intent(
        id=uuid.uuid4().hex[:12],
        move=move,
        alias=now.alias,
        before=now.actual,
        after=target.version,
        model_sha256=target.lineage.model_sha256,
        actor=actor,
        reason=reason,
        evidence=shown,
    )
    history.append(settings, use_case, intent)
    registry.set_alias(use_case, now.alias, target.version)
    history.append(settings, use_case, history.Done(id=intent.id))
    return _last(settings, use_case, now.alias)


def _last(settings: Settings, use_case: str, alias: str) -> Flip:
    flips = history.flips(history.read(settings, use_case)).flips
    return next(flip for flip in reversed(flips) if flip.alias == alias and flip.done)


def _demanded(settings: Settings, registry: Registry, candidate: ModelVersion, alias: str, current: int | None) -> dict[str, str]:
    """Checks every demand of the step to `alias`; the evidence where all hold, else a Refusal with all that don't."""
    use_case, lineage = candidate.lineage.use_case, candidate.lineage
    registry.read_model(candidate)
    report = json.loads(registry.gate_report(candidate))
    wrong = _gates_wrong(report, lineage)
    accepted = acceptance(settings, lineage)
    if accepted.wrong:
        wrong.append(accepted.wrong)
    evidence = {
        "model_sha256": lineage.model_sha256,
        "code_tree": lineage.code_tree,
        "gate_report_sha256": lineage.gate_report_sha256,
        "lineage_sha256": candidate.lineage_digest,
        "session": lineage.session,
        "accepted": accepted.words,
    }
    if alias == "champion":
        staged = standing(settings, registry, use_case, "staging")
        if staged.recorded != candidate.version or staged.actual != candidate.version:
            wrong.append(f"it isn't in staging (staging is version {staged.actual if staged.actual is not None else 'none'})")
        champion = registry.version(use_case, current) if current is not None else None
        better, words = _better(lineage.scores, champion)
        if better:
            evidence["metric"] = words
        else:
            wrong.append(words)
    if wrong:
        raise Refusal(
            f"{use_case} version {candidate.version} doesn't become {alias}: {'; '.join(wrong)}.",
            _hint(use_case, candidate.version, wrong),
        )
    return evidence


def _hint(use_case: str, version: int, wrong: list[str]) -> str:
    if len(wrong) == 1 and "staging" in wrong[0]:
        return f"`workbench promote {use_case} --version {version} --to staging --reason …` first"
    return f"`workbench status {use_case}` shows the versions; build a better one with `workbench run {use_case}`"


def _gates_wrong(report: Mapping[str, object], lineage: Lineage) -> list[str]:
    wrong: list[str] = []
    if report.get("verdict") != "pass":
        wrong.append(f"its gate report says {report.get('verdict')}")
    if report.get("code_digest") != lineage.code_digest:
        wrong.append("its gate report is on other code")
    gates = report.get("gates")
    statuses = {str(g["name"]): _status(g) for g in gates} if isinstance(gates, list) else {}
    inapplicable = report.get("inapplicable")
    asked = {*statuses, *(inapplicable if isinstance(inapplicable, dict) else ())}
    absent = [name for name in REQUIRED_GATES if name not in asked]
    if absent:
        wrong.append(f"the gates {', '.join(absent)} didn't run on it")
    wrong += [f"gate {name}: {status}" for name, status in sorted(statuses.items()) if status != "pass"]
    return wrong


def _status(gate: Mapping[str, object]) -> str:
    """A gate's status; one that could not look, and whose reasons people have waived, stands in nobody's way."""
    return "pass" if gate.get("waived") else str(gate["status"])


def _better(scores: Scores | None, champion: ModelVersion | None) -> tuple[bool, str]:
    """Whether the recorded primary metric earns the champion's place, and the figures in words."""
    if champion is not None:
        held = champion.lineage.scores
        if scores is None and held is None:
            return True, "the contract declares no metric"
        if scores is None or held is None or (scores.primary, scores.direction) != (held.primary, held.direction):
            return False, f"its primary metric can't be compared with that of the champion (version {champion.version})"
        words = f"{scores.primary} {scores.value:.6g}, champion (version {champion.version}) {held.value:.6g}"
        return (True, words) if scores.better_than(held.value) else (False, f"it isn't better than the champion: {words}")
    if scores is None or scores.baseline_value is None:
        return True, "no champion to beat, and the contract declares no baseline"
    words = f"{scores.primary} {scores.value:.6g}, baseline ({scores.baseline}) {scores.baseline_value:.6g}"
    if scores.better_than(scores.baseline_value, scores.margin):
        return True, words
    return False, f"it isn't better than the baseline by the margin of {scores.margin:.3g}: {words}"
