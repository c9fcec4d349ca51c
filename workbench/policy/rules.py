"""What a policy rule says, and whether it applies to a risk. The keys are closed: an unknown one is an error, not a comment.

Everything is monotone: a change with more in it matches at least the rules that ask for something, and no more of those
that let it pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from workbench.changes import Author, Risk, RiskKind

FLOOR = frozenset(
    {
        RiskKind.SPLIT, RiskKind.FEATURE, RiskKind.LABEL, RiskKind.METRIC, RiskKind.CONTRACT, RiskKind.GATE, RiskKind.POLICY,
        RiskKind.SKILL, RiskKind.UNKNOWN, RiskKind.SECRET,
    }
)  # fmt: skip
"""Kinds that are never automatic; a policy file can ask for more, not for less."""
WORDS = frozenset({RiskKind.DOCS, RiskKind.FORMAT})
"""Kinds that need nobody unless a rule says so."""
LEAK_GATES = ("features", "split", "fit", "availability", "parity", "proxy")
"""What the name `leakage` stands for in `require.gates`: each of these that the audit of the use case has."""

_SIZE = re.compile(r"\s*(>=|>|<=|<)?\s*(\d+)\s*")
_DURATION = re.compile(r"\s*(\d+)\s*(m|h|d|w)\s*")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def _size(value: object) -> tuple[int, int | None]:
    """`400` and `">= 400"` → (400, None): at least; `"<= 50"` → (0, 50): at most."""
    match = _SIZE.fullmatch(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
    if match is None:
        raise ValueError('give a number of changed lines, such as 400 (at least), "> 400" or "<= 50"')
    sign, lines = match[1] or ">=", int(match[2])
    if sign.startswith(">"):
        return (lines + (sign == ">"), None)
    return (0, lines - (sign == "<"))


def _expiry(value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('give a duration such as "12h", "7d" or "2w"')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


Words = tuple[Annotated[str, Field(min_length=1)], ...]


class When(_Closed):
    """What a rule is about; every key that is given has to match."""

    kinds: tuple[RiskKind, ...] | None = Field(default=None, min_length=1)
    paths: Words | None = Field(default=None, min_length=1)
    stages: Words | None = Field(default=None, min_length=1)
    use_cases: Words | None = Field(default=None, min_length=1)
    findings: Words | None = Field(default=None, min_length=1)
    authors: Words | None = Field(default=None, min_length=1)
    size: Annotated[tuple[int, int | None], BeforeValidator(_size)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("say when the rule applies, for example `when.kinds`")
        return self


class Require(_Closed):
    """What a rule asks for: `approvals` by people holding one of `roles`, and `gates` passed on exactly the result tree."""

    approvals: int = Field(default=1, ge=0, le=10)
    roles: Words = ()
    gates: Words = ()


class CaseChange(_Closed):
    """A change as a rule's own test describes it."""

    kinds: tuple[RiskKind, ...] = ()
    paths: Words = ()
    stages: Words = ()
    use_cases: Words = ()
    findings: Words = ()
    author: str = "person"
    size: int = Field(default=1, ge=0)


class Case(_Closed):
    """A test that a policy carries: what the whole policy must decide about such a change."""

    change: CaseChange
    expect: Literal["allow", "review", "block"]


class Rule(_Closed):
    """One `[[rule]]` of a policy file."""

    name: str = Field(min_length=1)
    when: When
    require: Require = Field(default_factory=Require)
    ask: Words = ()
    expires: Annotated[timedelta, BeforeValidator(_expiry)] | None = None
    case: tuple[Case, ...] = ()

    @model_validator(mode="after")
    def _stays_monotone(self) -> Self:
        lenient = self.require.approvals == 0
        if lenient and self.when.findings is not None:
            raise ValueError("a rule that asks for nobody can't depend on findings: more findings would make it more lenient")
        if self.when.size is not None and lenient and self.when.size[0] > 0:
            raise ValueError("a rule that asks for nobody can only be limited to small changes (`<= lines`)")
        if self.when.size is not None and not lenient and self.when.size[1] is not None:
            raise ValueError("a rule that asks for people can only be limited to large changes (`>= lines`)")
        return self


class RuleFile(_Closed):
    """A policy file."""

    rule: tuple[Rule, ...] = Field(min_length=1)


class Circumstances(_Closed):
    """What holds for a change as a whole."""

    author: Author
    use_cases: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    size: int = 0


def applies(when: When, risk: Risk, around: Circumstances) -> bool:
    """Whether a rule is about this risk of a change."""
    size = when.size
    return (
        (when.kinds is None or risk.kind in when.kinds)
        and (when.paths is None or _fits(when.paths, [risk.path]))
        and (when.stages is None or _fits(when.stages, [risk.stage] if risk.stage else []))
        and (when.use_cases is None or _fits(when.use_cases, [risk.use_case] if risk.use_case else around.use_cases))
        and (when.findings is None or _fits(when.findings, around.findings))
        and (when.authors is None or _fits(when.authors, _names(around.author)))
        and (size is None or (around.size >= size[0] and (size[1] is None or around.size <= size[1])))
    )


def _names(author: Author) -> list[str]:
    return [name for name in (author.name, author.email) if name] + ["agent" if author.agent else "person"]


def _fits(patterns: Iterable[str], names: Iterable[str]) -> bool:
    """Shell patterns in which `*` stays within a folder, `**` doesn't."""
    forms = [_pattern(pattern) for pattern in patterns]
    return any(form.fullmatch(name) for name in names for form in forms)


def _pattern(pattern: str) -> re.Pattern[str]:
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    forms = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    return re.compile("".join(forms.get(piece, re.escape(piece)) for piece in pieces), re.DOTALL)
