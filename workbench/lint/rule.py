"""What a static rule is. A rule's file holds one `rule = LintRule(…)` and the function it calls; its docstring is its page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from workbench.findings import Severity
from workbench.lint.facts import Facts, Reach
from workbench.lint.values import Mark, Site


@dataclass(frozen=True)
class Hit:
    """One thing found in a file; `evidence` is the way it takes, in words."""

    site: Site
    message: str
    remedy: str
    evidence: str = ""
    column: str | None = None
    source: str | None = None
    lookahead: str | None = None
    severity: Severity = Severity.ERROR
    others: tuple[Site, ...] = field(default=())
    """Other places that a suppression comment may stand at."""


@dataclass(frozen=True)
class LintRule:
    """One rule: `id` is `lint/<name>`, the file it lives in with `-` for `_`."""

    id: str
    summary: str
    check: Callable[[Facts], Iterable[Hit]]


def hit(reach: Reach, message: str, remedy: str, *, lookahead: str | None = None) -> Hit:
    """A hit for a mark that reaches a model."""
    names = sorted(n for n in reach.mark.names if n not in ("outside", "index", "?"))
    return Hit(
        site=reach.mark.site,
        message=message,
        remedy=remedy,
        evidence=f"line {reach.mark.site.line}: {reach.mark.what}; {reach.where} (line {reach.site.line}){_doubt(reach)}",
        column=reach.column or None,
        source=names[0] if len(names) == 1 else None,
        lookahead=lookahead,
        severity=severity(reach),
        others=(reach.site,),
    )


def severity(reach: Reach) -> Severity:
    """Error; a warning where only an option that nobody uses leaks; a note for thresholds in labels and inner validation."""
    if reach.flavour == "inner" or (reach.flavour == "labels" and reach.mark.compared):
        return Severity.NOTE
    return Severity.WARNING if reach.mark.site.unused else Severity.ERROR


def _doubt(reach: Reach) -> str:
    if reach.flavour == "inner":
        return "; the outer test is not touched, the choice made inside is"
    if reach.flavour == "labels":
        return "; it is the labels that it goes into"
    return "; only when an option is switched on that is off here" if reach.mark.site.unused else ""


def spoken(mark: Mark) -> str:
    """The code of a mark, quoted."""
    return f"`{mark.what}`"
