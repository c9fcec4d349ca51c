"""Counts the looks of a person at the command line: what a report shows is put into the ledger before it is shown.

The loop counts its own looks, with its budget enforced (`loop/looks.py`); here nothing is enforced, only counted and said.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workbench.errors import ConfigError, Corrupt, UsageError
from workbench.pipeline.contract import load_contract
from workbench.sessions.heldout import HeldOut
from workbench.sessions.touches import Ledger, Look, Looks, counted, known_looks


class LookCounter:
    """Asked by the rule `metric/test-reuse` with what is being evaluated; `keep` then writes the look down.

    Gives None where nobody has counted in this workspace before, and looks without a budget where its contract has none.
    """

    def __init__(self, root: Path, state: Path, use_case: str, *, by: str) -> None:
        self._root, self._state, self._use_case, self._by = root, state, use_case, by
        self._look: Look | None = None

    def __call__(self, held_out: HeldOut, code: str) -> Looks | None:
        """How often these rows have been looked at, this evaluation included. Raises Corrupt where that can't be told."""
        self._look = self.note(held_out, code)
        budget = self._budget()
        if budget is None:
            return Looks(count=0)
        known = known_looks(self._root, self._state, self._use_case)
        if not known and not Ledger(self._state, self._use_case).exists():
            return None
        return Looks(count=counted([*known, self._look], held_out), budget=budget)

    def note(self, held_out: HeldOut, code: str) -> Look:
        """Says what was evaluated, where nobody asked for the count before."""
        self._look = Look(use_case=self._use_case, held_out=held_out, code=code, by=self._by)
        return self._look

    def keep(self, scores: Mapping[str, float]) -> str:
        """Puts the look on disk where scores are about to be shown; returns what went wrong, in words, or nothing."""
        if self._look is None or not scores:
            return ""
        try:
            Ledger(self._state, self._use_case).add(self._look.model_copy(update={"scores": dict(scores)}))
        except (OSError, Corrupt) as error:
            reason = error.message if isinstance(error, Corrupt) else str(error.strerror or error)
            return f"this look at the test could not be counted: {reason}"
        return ""

    def _budget(self) -> int | None:
        try:
            budgets = load_contract(self._root, self._use_case).budgets
        except (ConfigError, UsageError):
            return None
        return budgets.test_touches if budgets else None
