"""What a rule is. A rule's file holds one `rule = Rule(...)` and the function it calls; its docstring is its page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.findings import Finding

if TYPE_CHECKING:
    from workbench.gates.audit import Audit


class NotExercised(Exception):
    """Raised by a rule that could not test what it is for; the gate's status becomes `not exercised`, never `pass`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotApplicable(Exception):
    """Raised by a rule whose subject this use case doesn't have (a time rule where the contract declares no time)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Rule:
    """One rule: `id` is `<family>/<name>` (the folder and file it lives in, with `-` for `_`), `gate` the gate it belongs to.

    `check` gets the shared `Audit` and yields findings; it raises NotExercised rather than returning nothing when it
    could not look.
    """

    id: str
    gate: str
    summary: str
    check: Callable[[Audit], Iterable[Finding]]
