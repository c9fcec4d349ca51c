"""Trying the corpus: each case as a change of a real repository, judged by one key or by both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.corpus.changes import harmless, styles
from tests.corpus.changes.bases import BASES
from tests.corpus.changes.cases import Case, Place
from tests.corpus.changes.evasions import families
from tests.corpus.changes.labelled import again, around, stages
from workbench.changes import classify, judge
from workbench.settings import load_settings

EVASIONS: list[Case] = families.CASES
LABELLED: list[Case] = [*stages.CASES, *around.CASES, *again.CASES]
HARMLESS: list[Case] = harmless.CASES
STYLES: list[Case] = styles.CASES


@dataclass(frozen=True)
class Outcome:
    """What came of one case: the kinds that stand, and the decision of the base's policy."""

    case: Case
    kinds: frozenset[str]
    decision: str

    @property
    def escalated(self) -> bool:
        """Whether anybody has to look."""
        return self.decision != "allow"

    @property
    def missing(self) -> frozenset[str]:
        """Kinds that the case has and that were not found."""
        return frozenset(self.case.kinds) - self.kinds


def outcomes(cases: Iterable[Case], root: Path, *, effect: bool = False) -> Iterator[Outcome]:
    """Judges cases one after the other; `root` is an empty directory. `effect` runs base and result, too."""
    shared: dict[str, Place] = {}
    for number, case in enumerate(cases):
        if case.build is not None:
            place = _place(root / f"case-{number}", case.base)
        else:
            place = shared.setdefault(case.base, shared.get(case.base) or _place(root / case.base, case.base))
        change = case.change(place)
        found = judge(load_settings(place.root), place.repo, change) if effect else classify(place.repo, change)
        yield Outcome(case, frozenset(kind.value for kind in found.kinds), place.decision(change, found))
        if case.build is not None:
            place.repo.close()


def _place(root: Path, base: str) -> Place:
    assert base in BASES
    root.mkdir()
    return Place(root, base)
