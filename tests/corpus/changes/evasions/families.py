"""The 47 families of evasions of the design, in its order, with their cases and the tests that cover what no tree shows."""

from __future__ import annotations

from tests.corpus.changes.cases import Case
from tests.corpus.changes.evasions import again_around, again_elsewhere, again_mended, elsewhere, gate, hide, steer

_PARTS = (hide, elsewhere, gate, steer)
CASES: list[Case] = [case for part in (*_PARTS, again_elsewhere, again_around, again_mended) for case in part.CASES]
COVERED: dict[str, tuple[str, ...]] = {name: tests for part in _PARTS for name, tests in part.COVERED.items()}
FAMILIES: tuple[str, ...] = tuple(
    getattr(part, f"F{number}")
    for part, numbers in ((hide, range(1, 16)), (elsewhere, range(16, 28)), (gate, range(28, 45)), (steer, range(45, 48)))
    for number in numbers
)
