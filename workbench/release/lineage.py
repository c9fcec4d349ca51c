"""Where a model comes from: what is logged with it, and what must be complete before it is registered.

Lives here: the models of a build, its lineage, its scores and a registered version. Not here: storing them (`registry`).
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workbench.errors import Refusal

AGAIN = "run `workbench audit` on the tree that the model is built from, and register that report"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(_Model):
    """One input column of the model, in the model's order; `dtype` is numpy's or pandas' name for it."""

    name: str
    dtype: str


class Scores(_Model):
    """The primary metric as the metric gate computed it, over all test folds: of the model and of the baseline."""

    primary: str
    direction: Literal["minimize", "maximize"]
    value: float = Field(allow_inf_nan=False)
    baseline: str | None = None
    baseline_value: float | None = Field(default=None, allow_inf_nan=False)
    margin: float = 0.0
    """By how much the model has to be better than the baseline, see `better_than`."""

    def better_than(self, other: float, margin: float = 0.0) -> bool:
        """Whether `value` beats `other` by `margin`, which is relative for errors and absolute for the rest, as in the gate.

        Strictly, also where the margin is 0; nothing beats NaN.
        """
        gain = other - self.value if self.direction == "minimize" else self.value - other
        is_loss = self.direction == "minimize" or self.primary.startswith("neg_")
        return gain > 0 and gain >= margin * (abs(other) if is_loss else 1.0)


class Lineage(_Model):
    """Everything a registered version is answerable with. Its canonical JSON is an artifact; its digest is in the history."""

    format: int = 1
    use_case: str
    session: str
    code_tree: str
    """Git tree id of the code that built the model."""
    code_digest: str
    """The pipeline's digest of the same code, by which the gate report names it."""
    contract_digest: str
    flavor: str
    model_sha256: str
    model_bytes: int
    train_rows: int
    features: list[Feature]
    skills: dict[str, str]
    """Name → version of every skill that had a part in it."""
    gate_report_sha256: str
    gates: dict[str, str]
    """Gate → status, as the report says."""
    decision: Literal["signed", "allowed by policy"]
    signoffs: list[str]
    scores: Scores | None
    params: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """What makes two registrations the same one: code tree, model bytes and session."""
        return hashlib.sha256("\n".join((self.code_tree, self.model_sha256, self.session)).encode()).hexdigest()

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(canonical(self)).hexdigest()

    def tags(self) -> dict[str, str]:
        """The lineage as tags, for people who look with MLflow; what is verified is the artifact."""
        return {
            "workbench.session": self.session,
            "workbench.code_tree": self.code_tree,
            "workbench.contract_digest": self.contract_digest,
            "workbench.model_sha256": self.model_sha256,
            "workbench.gate_report_sha256": self.gate_report_sha256,
            "workbench.skills": ", ".join(f"{name} {version}" for name, version in sorted(self.skills.items())),
            "workbench.decision": self.decision,
            "workbench.signoffs": ", ".join(self.signoffs),
            "workbench.lineage_sha256": self.digest,
        }


class ModelBuild(_Model):
    """A fitted model with everything it takes to register it.

    `model` is the file in its native format; `model_sha256`, `model_bytes` and `train_rows` are what `fit_final` reported.
    `gate_report` is the report's JSON, as bytes; `example` is one input row (feature → value). `signoffs` are the ids
    under which the code tree was applied; empty only with `decision="allowed by policy"`.
    """

    use_case: str
    session: str
    code_tree: str
    code_digest: str
    contract_digest: str
    model: Path
    flavor: str
    model_sha256: str
    model_bytes: int
    train_rows: int
    features: list[Feature]
    example: dict[str, Any]
    skills: dict[str, str]
    gate_report: bytes
    decision: Literal["signed", "allowed by policy"]
    signoffs: list[str] = Field(default_factory=list)
    scores: Scores | None = None
    params: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)

    def lineage(self) -> Lineage:
        """The lineage of this build; Refusal where it is incomplete or the gates didn't pass on exactly this code tree."""
        lacking = self._lacking()
        if lacking:
            raise Refusal(
                f"A model of {self.use_case} without its whole lineage isn't registered; it lacks: {', '.join(lacking)}.",
                "register the model from the session that built it",
            )
        gates = self._passed_gates()
        shared = {name: getattr(self, name) for name in Lineage.model_fields if name in ModelBuild.model_fields}
        return Lineage(**shared, gates=gates, gate_report_sha256=hashlib.sha256(self.gate_report).hexdigest())

    def _lacking(self) -> list[str]:
        lacking = [
            name.replace("_", " ")
            for name in ("use_case", "session", "code_digest", "contract_digest", "features", "example", "skills", "gate_report")
            if not getattr(self, name)
        ]
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", self.code_tree):
            lacking.append("code tree")
        if not re.fullmatch(r"[0-9a-f]{64}", self.model_sha256):
            lacking.append("SHA-256 of the model")
        if self.decision == "signed" and not all([*self.signoffs, self.signoffs]):
            lacking.append("sign-off")
        return lacking

    def _passed_gates(self) -> dict[str, str]:
        try:
            report = json.loads(self.gate_report)
            verdict, code, use_case = report["verdict"], report["code_digest"], report["use_case"]
            contract = report["contract_digest"]
            gates = {str(gate["name"]): str(gate["status"]) for gate in report["gates"]}
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(f"The gate report of {self.use_case} can't be read: {error!r}.", AGAIN) from None
        if verdict != "pass":
            raise Refusal(f"The gates of {self.use_case} didn't pass: the report says {verdict}.", AGAIN)
        failed = sorted(name for name, status in gates.items() if status != "pass")
        if failed or not gates:
            raise Refusal(f"The gate report says pass, but not of: {', '.join(failed) or 'any gate'}.", AGAIN)
        for what, found, wanted in (
            ("use case", use_case, self.use_case),
            ("code tree", code, self.code_digest),
            ("contract", contract, self.contract_digest),
        ):
            if found != wanted:
                raise Refusal(f"The gate report is on another {what} ({_short(found)}, not {_short(wanted)}).", AGAIN)
        return gates


class ModelVersion(_Model):
    """A registered version, its lineage verified against the release history."""

    version: int
    run_id: str
    lineage: Lineage
    lineage_digest: str
    created_ms: int

    @property
    def created(self) -> datetime:
        """When it was registered, UTC."""
        return datetime.fromtimestamp(self.created_ms / 1000, UTC)


def canonical(model: BaseModel) -> bytes:
    """JSON of one line, keys sorted: the bytes that digests are over."""
    return json.dumps(model.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _short(value: object) -> str:
    return str(value)[:12]
