"""What running base and result showed, as a value that can be kept and shown: the evidence of the effect key.

It is bound to two trees, and says nothing about any others. Adding it to what reading the code found never takes a risk away;
only where the caller says `clearing`, because it was measured here and now, does a risk come to be marked `cleared`. Who runs
what is in `judge.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.changes.figures import Figures
from workbench.changes.model import Change, Classification, Risk, RiskKind, ordered

CLEARABLE = frozenset(
    {RiskKind.SPLIT, RiskKind.FEATURE, RiskKind.LABEL, RiskKind.METRIC, RiskKind.DATA, RiskKind.MODEL, RiskKind.PREPROCESSING,
     RiskKind.POSTPROCESSING, RiskKind.SERVING}
)  # fmt: skip
"""Kinds of what a stage does; nothing else can be measured by running stages."""

UNMEASURED = "effect could not be measured"
"""How the reason begins of a risk that is there because base and result could not be run."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class RanUseCase(_Model):
    """One use case: whether both sides ran to the end and gave the same, on which tables, and what was not compared."""

    use_case: str
    equal: bool
    tables: str = ""
    """SHA-256 over the tables that both were run on; empty where there were none."""
    compared: str = ""
    """How far they were compared, where that is not to the end."""
    figures: Figures | None = None
    """What can be drawn of it, for looking at; null where nothing differs, or by a version that did not draw."""
    differences: str = ""
    """SHA-256 over everything that came out otherwise; empty where nothing did."""


class ClearedRisk(_Model):
    """A risk that was read from code and that nothing stands behind, with why that is so."""

    kind: RiskKind
    path: str
    symbol: str | None = None
    stage: str | None = None
    use_case: str | None = None
    reason: str


class Measured(_Model):
    """What the effect key says of the change from the tree `base` to the tree `result`."""

    format: Literal[1] = 1
    base: str
    result: str
    skipped: str = ""
    """Why nothing was run; empty where something was."""
    use_cases: list[RanUseCase] = Field(default_factory=list)
    risks: list[Risk] = Field(default_factory=list)
    cleared: list[ClearedRisk] = Field(default_factory=list)
    not_cleared: str = ""
    """The first thing that speaks against clearing; empty where there was nothing to clear or it was cleared."""
    complete: bool = True
    """False where the time was over or something outside the stages failed: asked again, it may come out otherwise."""
    seconds: float = 0.0

    @classmethod
    def read(cls, content: bytes | None) -> Measured | None:
        """From the JSON of a piece of evidence; None where it can't be used as such."""
        try:
            return cls.model_validate_json(content) if content else None
        except ValidationError:
            return None

    @property
    def content(self) -> bytes:
        """The JSON that is kept and shown."""
        return self.model_dump_json(indent=1).encode()

    def is_about(self, change: Change) -> bool:
        """Whether this was measured on exactly the two trees of `change`."""
        return (self.base, self.result) == (change.base, change.result)

    def same(self, other: Measured) -> bool:
        """Whether both say the same, however long it took."""
        return self.model_copy(update={"seconds": 0.0}) == other.model_copy(update={"seconds": 0.0})

    @property
    def says(self) -> str:
        """SHA-256 over what it says of the change, whatever trees it was measured on and however long it took."""
        about = {"base", "result", "seconds", "not_cleared"}
        return hashlib.sha256(self.model_dump_json(exclude=about).encode()).hexdigest()

    @property
    def words(self) -> list[str]:
        """What ran and what came of it, for people, a sentence each."""
        if self.skipped:
            return [f"not run: {self.skipped}"]
        said = []
        for one in self.use_cases:
            ended = "the same" if one.equal else one.compared or "not the same, or not to the end"
            said.append(f"{one.use_case}: {ended}" + (f" (tables {one.tables[:12]})" if one.tables else ""))
        if not self.use_cases:
            said.append("no use case is in both trees")
        if self.cleared:
            said.append(f"{len(self.cleared)} risk(s) read from the code have nothing behind them")
        elif self.not_cleared:
            said.append(f"nothing is cleared: {self.not_cleared}")
        return [*said, f"measured in {self.seconds:.0f} s on {self.base[:12]} and {self.result[:12]}"]


def joined(
    found: Classification, change: Change, measured: Iterable[Measured | None], *, clearing: Measured | None = None
) -> Classification:
    """The risks read from the code and those that running showed.

    What was measured on other trees counts for nothing. `clearing` is what the caller measured itself: its risks count like the
    others', and risks that it cleared are marked so, unless any other shows one.
    """
    about = [one for one in (*measured, clearing) if one is not None and one.is_about(change)]
    shown = [risk for one in about for risk in one.risks if risk.by == "effect" and not risk.cleared]
    risks = list(found.risks)
    seen = bool(shown) or any(risk.by == "effect" for risk in found.risks)
    if clearing is not None and clearing.is_about(change) and not seen and not clearing.skipped:
        why = {_place(one): one.reason for one in clearing.cleared}
        risks = [_marked(risk, why.get(_place(risk))) for risk in risks]
    named = {risk.use_case for risk in [*risks, *shown] if risk.use_case}
    return found.model_copy(update={"risks": ordered([*risks, *shown]), "use_cases": sorted(named)})


def _place(risk: Risk | ClearedRisk) -> tuple[str | None, ...]:
    return (risk.kind.value, risk.path, risk.symbol, risk.stage, risk.use_case)


def _marked(risk: Risk, why: str | None) -> Risk:
    if why is None or risk.by != "static" or risk.kind not in CLEARABLE:
        return risk
    return risk.model_copy(update={"cleared": True, "reason": f"{risk.reason} ({why})"})
