"""Recall and false alarms of the audit, per leak pattern, as a Markdown table.

    python benchmarks/leak_recall.py [--patterns 1-34] [--use-cases shop,power] [--gates features,split] [--processes 2] [--json]

Runs every mutant of the catalogue (a leak and its clean twin per pattern and pipeline) under `workbench audit` as it stands.
*Caught*: an error by the right rule at the right stage or column. *Source*: of those with a known source cell, named rightly.
*Strays*: features of a leaking pipeline called leaks that aren't. *False alarms*: twins that did not pass every gate.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from workbench.mutants.catalogue import bases, honest, mutants, patterns
from workbench.mutants.model import Mutant
from workbench.mutants.trial import run


@dataclass(frozen=True)
class Row:
    """One mutant's outcome."""

    pattern: int
    name: str
    leak: bool
    right: bool
    sourced: bool | None
    strays: list[str]
    reason: str
    runs: int
    ratio: float
    seconds: float


def tried(mutant: Mutant, gates: Sequence[str] | None) -> Row:
    """Audits one mutant in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
        trial = run(mutant, Path(directory), gates=gates)
    judged = trial.judgement
    return Row(
        pattern=mutant.pattern,
        name=mutant.name,
        leak=mutant.leak,
        right=judged.right,
        sourced=judged.sourced,
        strays=list(judged.strays),
        reason=judged.reason,
        runs=max((gate.runs for gate in trial.report.gates if gate.name == "features"), default=0),
        ratio=trial.report.cost.ratio,
        seconds=round(trial.seconds, 2),
    )


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole}" if whole else "–"


def table(rows: Iterable[Row], numbers: Sequence[int]) -> str:
    """The outcomes by pattern, a line of totals, and what went wrong below."""
    by_pattern: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_pattern[row.pattern].append(row)
    titles = {pattern.number: pattern.title for pattern in patterns()} | {0: "(the base pipelines)"}
    lines = ["| # | pattern | caught | source | strays | false alarms |", "|--|--|--|--|--|--|"]
    lines += [f"| {number} | {titles[number]} | {_cells(found)} |" for number, found in sorted(by_pattern.items())]
    every = [row for found in by_pattern.values() for row in found]
    lines += [f"| | **all** | {_cells(every)} |", ""]
    for pattern in patterns():
        if pattern.inapplicable and pattern.number in numbers:
            lines.append(f"Pattern {pattern.number} ({pattern.title}) is not planted: {pattern.inapplicable.rstrip('.')}.")
    wrong = [row for row in every if not row.right or row.strays]
    lines += [f"- `{row.name}`: {row.reason or 'strays: ' + ', '.join(row.strays)}" for row in wrong]
    return "\n".join(lines)


def _cells(rows: list[Row]) -> str:
    leaks, twins = [row for row in rows if row.leak], [row for row in rows if not row.leak]
    judged = [row for row in leaks if row.sourced is not None]
    return " | ".join(
        [
            _share(sum(row.right for row in leaks), len(leaks)),
            _share(sum(row.sourced is True for row in judged), len(judged)),
            str(sum(len(row.strays) for row in leaks)),
            _share(sum(not row.right for row in twins), len(twins)),
        ]
    )


def _numbers(text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patterns", default="1-69", type=_numbers, help="numbers and ranges; default: all")
    parser.add_argument("--use-cases", default="", help="names, by commas; default: all")
    parser.add_argument("--gates", default="", help="limits the audits to these gates; default: every gate")
    parser.add_argument("--processes", default=2, type=int)
    parser.add_argument("--json", action="store_true", help="one object per mutant instead of the table")
    options = parser.parse_args()
    gates = options.gates.split(",") if options.gates else None
    use_cases = options.use_cases.split(",") if options.use_cases else sorted(bases())
    chosen = [*(honest(name) for name in use_cases), *mutants(numbers=options.patterns, use_cases=use_cases)]
    rows = []
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for row in pool.map(tried, chosen, [gates] * len(chosen)):
            rows.append(row)
            print("." if row.right else "x", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(json.dumps([asdict(row) for row in rows], indent=1) if options.json else table(rows, options.patterns))
    return 0 if all(row.right for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
