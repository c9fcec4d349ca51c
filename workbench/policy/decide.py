"""Rules and risks → allow, review or block, with the reasons: the strictest rule that applies wins, none means review."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from workbench.changes import Risk, RiskKind
from workbench.policy.rules import FLOOR, WORDS, Circumstances, Rule, applies

EXPIRES = timedelta(days=30)
"""How long a sign-off holds where no rule says anything else."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class RuleResult(_Model):
    """One rule and what came of it: `status` says whether it asks for people, lets pass, doesn't apply, or blocks."""

    name: str
    status: Literal["review", "allow", "skipped", "block"]
    why: str
    approvals: int = 0
    roles: tuple[str, ...] = ()
    """Each of this rule's approvals must be by someone holding one of these; empty: any reviewer."""


class Requirement(_Model):
    """All rules that apply, taken together."""

    approvals: int = 0
    roles: list[str] = Field(default_factory=list)
    gates: list[str] = Field(default_factory=list)
    questions: list[str] = Field(default_factory=list)


class Decision(_Model):
    """What the policy asks for. Order: allow < review < block."""

    decision: Literal["allow", "review", "block"]
    rules: list[RuleResult]
    requires: Requirement
    expires_seconds: int
    policy_digest: str

    @property
    def expires(self) -> timedelta:
        """How long a sign-off on this change holds."""
        return timedelta(seconds=self.expires_seconds)

    @property
    def reasons(self) -> list[str]:
        """Why, rule by rule, for the rules that apply."""
        return [f"{rule.name}: {rule.why}" for rule in self.rules if rule.status != "skipped"]


def decide(
    rules: Sequence[Rule], risks: Sequence[Risk], around: Circumstances, *, digest: str, undeliverable: Sequence[str] = ()
) -> Decision:  # fmt: skip
    """The decision on a change with these risks; cleared risks need nobody."""
    standing = [risk for risk in risks if not risk.cleared]
    results: list[RuleResult] = []
    applied: list[Rule] = []
    covered: set[int] = set()
    for rule in rules:
        matched = [index for index, risk in enumerate(standing) if applies(rule.when, risk, around)]
        covered |= set(matched)
        if not matched:
            results.append(RuleResult(name=rule.name, status="skipped", why="does not apply"))
            continue
        applied.append(rule)
        kinds = ", ".join(dict.fromkeys(standing[index].kind.value for index in matched))
        asked = rule.require.approvals
        status: Literal["review", "allow"] = "review" if asked else "allow"
        results.append(
            RuleResult(name=rule.name, status=status, why=f"applies to {kinds}", approvals=asked, roles=rule.require.roles)
        )
    results += _built_in(standing, covered, undeliverable)
    approvals = max((result.approvals for result in results), default=0)
    blocked = any(result.status == "block" for result in results)
    expiries = [rule.expires for rule in applied if rule.expires is not None]
    return Decision(
        decision="block" if blocked else "review" if approvals else "allow",
        rules=results,
        requires=Requirement(
            approvals=approvals,
            roles=_once(role for result in results if result.approvals for role in result.roles),
            gates=_once(gate for rule in applied for gate in rule.require.gates),
            questions=_once(question for rule in applied if rule.require.approvals for question in rule.ask),
        ),
        expires_seconds=int(min(expiries, default=EXPIRES).total_seconds()),
        policy_digest=digest,
    )


def _built_in(standing: Sequence[Risk], covered: set[int], undeliverable: Sequence[str]) -> list[RuleResult]:
    """What holds whatever the policy files say."""
    kinds = {risk.kind for risk in standing}
    found: list[RuleResult] = []
    low = sorted(kind.value for kind in kinds & FLOOR)
    if low:
        found.append(
            RuleResult(name="built-in: the floor", status="review", why=f"{', '.join(low)}: never automatic", approvals=1)
        )
    if RiskKind.POLICY in kinds:
        why = "who decides is itself decided by two"
        found.append(RuleResult(name="built-in: policy changes", status="review", why=why, approvals=2))
    if {RiskKind.SPLIT, RiskKind.METRIC} <= kinds:
        why = "a split and a metric changed together can make any result look good"
        found.append(RuleResult(name="built-in: split with metric", status="review", why=why, approvals=2))
    loose = [risk for index, risk in enumerate(standing) if index not in covered]
    asked = sorted({risk.kind.value for risk in loose if risk.kind not in WORDS})
    if asked:
        why = f"no rule applies to {', '.join(asked)}"
        found.append(RuleResult(name="built-in: no rule applies", status="review", why=why, approvals=1))
    if any(risk.kind in WORDS for risk in loose):
        why = "nothing that runs changed, and no rule asks for more"
        found.append(RuleResult(name="built-in: text and layout", status="allow", why=why))
    if not standing:
        found.append(RuleResult(name="built-in: no risk", status="allow", why="nothing that anything can reach changed"))
    if undeliverable:
        why = f"paths that can't be written to a disk safely: {', '.join(undeliverable[:3])}"
        found.append(RuleResult(name="built-in: undeliverable", status="block", why=why))
    return found


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
