"""Comments that allow a finding, with a reason: `# workbench: allow lint/future-shift because the plan is fixed in May`.

The comment stands on a line of the statement, or alone on the line above it. Without a reason it allows nothing.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass

_ALLOW = re.compile(
    r"#\s*workbench:\s*allow\s+(?P<rule>(?:lint/)?[a-z][a-z-]*)(?:\s*,?\s*because\s+(?P<reason>\S.*))?\s*$", re.IGNORECASE
)


@dataclass(frozen=True)
class Allowed:
    """One comment: the rule it names, and its reason (empty: none given)."""

    rule: str
    reason: str


class Suppressions:
    """The comments of one file, by the lines that they speak for."""

    def __init__(self, text: str, tree: ast.Module) -> None:
        self._spans = sorted(
            (s.lineno, s.end_lineno or s.lineno) for s in ast.walk(tree) if isinstance(s, ast.stmt) and _simple(s)
        )
        self._by_line: dict[int, list[Allowed]] = {}
        if "workbench:" not in text.lower():
            return
        for line, comment, alone in _comments(text):
            match = _ALLOW.search(comment)
            if match is None:
                continue
            rule = match["rule"].lower()
            allowed = Allowed(rule if rule.startswith("lint/") else f"lint/{rule}", (match["reason"] or "").strip())
            for spoken_for in self._statement(line + 1 if alone else line):
                self._by_line.setdefault(spoken_for, []).append(allowed)

    def _statement(self, line: int) -> range:
        inside = [(a, b) for a, b in self._spans if a <= line <= b]
        first, last = min(inside, key=lambda s: s[1] - s[0], default=(line, line))
        return range(first, last + 1)

    def find(self, rule: str, lines: list[int]) -> Allowed | None:
        """The comment for `rule` at one of these lines; one with a reason first."""
        found = [a for line in lines for a in self._by_line.get(line, []) if a.rule == rule]
        return max(found, key=lambda a: bool(a.reason), default=None)


def _simple(statement: ast.stmt) -> bool:
    return not hasattr(statement, "body") and not isinstance(statement, ast.Match)


def _comments(text: str) -> list[tuple[int, str, bool]]:
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found.append((token.start[0], token.string, token.line[: token.start[1]].strip() == ""))
    except (tokenize.TokenError, IndentationError):
        return found
    return found
