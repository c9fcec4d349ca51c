"""What was measured on a change's result: gate results bound to one tree, and the digests that a sign-off covers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from workbench.policy.rules import LEAK_GATES

GATES = "gates.json"
"""The name under which the audit report of the result tree lies in a queued change's evidence."""
EFFECT = "effect.json"
"""The name under which what running base and result showed lies there."""
CARRIED = "carried.json"
"""The name under which a rebased change says which change it comes from."""


class GateEvidence(BaseModel):
    """Gate name → passed, as measured on exactly the tree `tree`; anything but a pass is False, unless it was waived in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tree: str
    passed: dict[str, bool]
    findings: list[str] = Field(default_factory=list)
    """Rule ids of what the audit found."""
    digest: str = ""
    """SHA-256 of the report, where this was read from one."""
    says: str = ""
    """SHA-256 over what the report says whatever its tree: gates, findings, facts, scores; no times, no counts of looks."""

    @classmethod
    def from_report(cls, content: bytes) -> GateEvidence | None:
        """Reads an audit report (JSON with `tree`, `gates`, `findings`); None where it can't be used as evidence."""
        try:
            report = json.loads(content)
            passed = {str(gate["name"]): gate["status"] == "pass" or bool(gate.get("waived")) for gate in report["gates"]}
            findings = sorted({str(finding["rule"]) for finding in report.get("findings", [])})
            return cls(tree=str(report["tree"]), passed=passed, findings=findings, digest=sha256(content), says=_says(report))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


_LOOKS = "metric/test-reuse"
"""The one rule that says something else each time it is asked: how often somebody has looked."""
_ABOUT_THE_RUN = ("cost", "tree", "code_digest", "gates", "findings", "scores")


def _says(report: Mapping[str, Any]) -> str:
    gates = [
        {key: gate.get(key) for key in ("name", "status", "waived", "facts")}
        | {"rules": sorted(rule for rule in gate.get("rules", []) if rule != _LOOKS)}
        for gate in report["gates"]
    ]
    findings = [
        {"rule": _LOOKS, "severity": finding.get("severity")} if finding["rule"] == _LOOKS else finding
        for finding in report.get("findings", [])
    ]
    # Sums on several threads end in another last digit.
    scores = {name: f"{float(value):.9g}" for name, value in report.get("scores", {}).items()}
    rest = {key: value for key, value in report.items() if key not in _ABOUT_THE_RUN}
    whole = [_in_order(gates), _in_order(findings), scores, rest]
    return sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode())


def _in_order(entries: Sequence[object]) -> list[str]:
    return sorted(json.dumps(entry, sort_keys=True) for entry in entries)


def missing_gates(required: Sequence[str], evidence: GateEvidence | None, tree: str) -> list[str]:
    """Why the required gates are not shown to have passed on `tree`; empty when they are."""
    if not required:
        return []
    if evidence is None:
        return [f"no gate report ({', '.join(required)} must have passed)"]
    if evidence.tree != tree:
        return [f"the gate report is about another tree ({evidence.tree[:12] or 'none'}, not {tree[:12]})"]
    missing = []
    for name in required:
        present = [gate for gate in LEAK_GATES if gate in evidence.passed] if name == "leakage" else [name]
        failed = [gate for gate in present if not evidence.passed.get(gate, False)]
        if not present:
            missing.append("none of the leakage gates ran")
        missing += [f"gate `{gate}` {'failed' if gate in evidence.passed else 'did not run'}" for gate in failed]
    return missing


def sha256(content: bytes) -> str:
    """`sha256:<hex>` of some bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digests(evidence: Mapping[str, bytes]) -> dict[str, str]:
    """Name → digest."""
    return {name: sha256(content) for name, content in sorted(evidence.items())}
