"""What a change, a risk and a classification are. Plain values; how they are found lives in the modules beside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class RiskKind(StrEnum):
    """What a change can touch; the order is that of severity, the worst first."""

    UNKNOWN = "unknown"
    SECRET = "secret"
    POLICY = "policy"
    GATE = "gate"
    CONTRACT = "contract"
    SPLIT = "split"
    LABEL = "label"
    METRIC = "metric"
    FEATURE = "feature"
    SKILL = "skill"
    DEPENDENCY = "dependency"
    DEPLOYMENT = "deployment"
    DATA = "data"
    PREPROCESSING = "preprocessing"
    MODEL = "model"
    POSTPROCESSING = "postprocessing"
    SERVING = "serving"
    TEST = "test"
    DOCS = "docs"
    FORMAT = "format"


SEVERITY = {kind: rank for rank, kind in enumerate(RiskKind)}


class Author(_Model):
    """Who wrote a change. `key` is their public SSH key where it is known; `agent` is true for a program."""

    name: str
    email: str = ""
    agent: bool = False
    key: str = ""


class Change(_Model):
    """A pair of git trees with an author. `title` and `words` are the author's own text: shown last, believed never."""

    base: str
    result: str
    author: Author
    title: str
    words: str = ""

    @property
    def digest(self) -> str:
        """`sha256:<hex>` over both trees and nothing else."""
        return "sha256:" + hashlib.sha256(f"workbench-change-1\0{self.base}\0{self.result}".encode()).hexdigest()

    @property
    def id(self) -> str:
        """The short name of the change: the first 12 hexadecimal digits of its digest."""
        return self.digest.removeprefix("sha256:")[:12]


class Risk(_Model):
    """One reason why a change may need a person. `path` is as in the tree, with unprintable bytes written as escapes."""

    kind: RiskKind
    path: str
    symbol: str | None = None
    line: int | None = None
    by: Literal["static", "effect"] = "static"
    reason: str
    stage: str | None = None
    use_case: str | None = None
    cleared: bool = False


class Classification(_Model):
    """What a change is. `size` counts changed lines of text (a changed binary counts as one)."""

    digest: str
    risks: list[Risk] = Field(default_factory=list)
    use_cases: list[str] = Field(default_factory=list)
    size: int = 0
    undeliverable: list[str] = Field(default_factory=list)
    """Paths that can't be written to a disk safely (`.git` and the like); such a change is blocked."""

    @property
    def kinds(self) -> list[RiskKind]:
        """The kinds that still stand, the worst first."""
        return sorted({risk.kind for risk in self.risks if not risk.cleared}, key=lambda kind: SEVERITY[kind])

    @property
    def risk_digest(self) -> str:
        """Over what the risks are and where, not over how they are worded."""
        rows = {(r.kind.value, r.path, r.symbol, r.stage, r.use_case, r.by, r.cleared) for r in self.risks}
        text = json.dumps([sorted(rows, key=repr), self.undeliverable], separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def ordered(risks: Iterable[Risk]) -> list[Risk]:
    """Without repetition, the worst first, then by place."""
    unique = {(r.kind, r.path, r.symbol, r.stage, r.use_case, r.by, r.reason): r for r in risks}
    return sorted(unique.values(), key=lambda r: (SEVERITY[r.kind], r.path, r.line or 0, r.symbol or "", r.reason))


def shown_path(path: str) -> str:
    """A path as text that JSON can hold: bytes that are no UTF-8 are written as escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def change_size(before: bytes | None, after: bytes | None) -> int:
    """Changed lines between two contents, as lines in one and not in the other; 1 where either is binary."""
    if before == after:
        return 0
    if any(content is not None and b"\0" in content[:8192] for content in (before, after)):
        return 1
    old, new = (content.split(b"\n") if content else [] for content in (before, after))
    counts: dict[bytes, int] = {}
    for line in new:
        counts[line] = counts.get(line, 0) + 1
    for line in old:
        counts[line] = counts.get(line, 0) - 1
    return max(1, sum(abs(count) for count in counts.values()))


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set of names."""
    return frozenset(text.split())
