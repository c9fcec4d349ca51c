"""One mutant under the real audit: written out, audited, judged. Corpus tests and benchmarks run mutants by this."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.gates.audit import audit
from workbench.mutants.judgement import Judgement, judge
from workbench.mutants.model import Mutant, write
from workbench.report.model import AuditReport
from workbench.settings import Settings


@dataclass(frozen=True)
class Trial:
    """What the audit of one mutant said, whether that is right, and how long it took."""

    mutant: Mutant
    report: AuditReport
    judgement: Judgement
    seconds: float


def run(mutant: Mutant, directory: Path, *, gates: Sequence[str] | None = None) -> Trial:
    """Audits the mutant in `directory`, which becomes its workspace. `gates` limits the audit; default: every gate."""
    write(mutant, directory)
    begin = time.perf_counter()
    report = audit(Settings(root=directory), mutant.use_case, gates=gates)
    return Trial(mutant, report, judge(mutant, report), time.perf_counter() - begin)
