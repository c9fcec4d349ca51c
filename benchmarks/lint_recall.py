"""Recall, precision and time of `workbench lint` on the labelled snippets, side by side with lookahead-lint, as a Markdown table.

    python benchmarks/lint_recall.py [--peer PROGRAM] [--no-peer] [--json]

`--peer` is a `lookahead-lint` 1.0.1 that is there already; otherwise it is installed into a temporary environment of its own.
*Caught*: a snippet that leaks, with at least one finding. *Right*: by a rule that its label names. *False alarms*: findings on
snippets that don't leak. Notes don't count. Time is per file, in the same process after start; for the peer it includes start-up.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from workbench.lint.check import lint_file  # noqa: E402
from workbench.lint.model import fails  # noqa: E402

SNIPPETS = ROOT / "tests" / "corpus" / "snippets"
PEER = "lookahead-lint==1.0.1"


@dataclass(frozen=True)
class Row:
    """One tool on one half of the snippets."""

    tool: str
    half: str
    leaks: int
    caught: int
    right: int | None
    clean: int
    false_alarms: int
    seconds: float
    missed: list[str]
    alarmed: list[str]

    @property
    def precision(self) -> float:
        """Share of the snippets with a finding that do leak."""
        return self.caught / (self.caught + self.false_alarms) if self.caught + self.false_alarms else 1.0


def ours(path: Path) -> set[str]:
    """Rules that fire on a file; raises where it can't be analysed."""
    report = lint_file(path, path.name)
    if report.error is not None:
        raise SystemExit(report.error.message)
    return {finding.rule for finding in report.findings if fails(finding)}


def theirs(program: Path) -> Callable[[Path], set[str]]:
    """The same for the peer."""

    def found(path: Path) -> set[str]:
        done = subprocess.run([program, "--no-config", "--format", "json", path], capture_output=True, text=True, check=False)
        return {finding["code"] for finding in json.loads(done.stdout)["findings"]}

    return found


def measured(tool: str, found: Callable[[Path], set[str]], half: str, *, named: bool) -> Row:
    """One tool on one half."""
    labels = json.loads((SNIPPETS / "labels.json").read_text("utf-8"))
    counts = {"leaks": 0, "caught": 0, "right": 0, "clean": 0, "false": 0}
    times, missed, alarmed = [], [], []
    for name, label in labels.items():
        if not name.startswith(half):
            continue
        begin = time.perf_counter()
        rules = found(SNIPPETS / name)
        times.append(time.perf_counter() - begin)
        counts["leaks" if label["leak"] else "clean"] += 1
        if label["leak"]:
            counts["caught"] += bool(rules)
            counts["right"] += bool(rules & set(label["rules"]))
            missed += [] if rules else [name]
        elif rules:
            counts["false"] += 1
            alarmed.append(name)
    return Row(
        tool, half, counts["leaks"], counts["caught"], counts["right"] if named else None, counts["clean"], counts["false"],
        statistics.median(times), missed, alarmed,
    )  # fmt: skip


def installed(directory: Path) -> Path | None:
    """The peer in an environment of its own, or None where it can't be had."""
    venv.create(directory, with_pip=True)
    done = subprocess.run([directory / "bin" / "pip", "install", "--quiet", PEER], capture_output=True, check=False)
    program = directory / "bin" / "lookahead-lint"
    return program if done.returncode == 0 and program.exists() else None


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    halves = ("development", "held_out")
    ours(next(SNIPPETS.glob("development/*.py")))  # loads the rules
    rows = [measured("workbench lint", ours, half, named=True) for half in halves]
    with tempfile.TemporaryDirectory(prefix="lint-peer-") as directory:
        program = None if args.no_peer else args.peer or installed(Path(directory))
        if program is not None:
            rows += [measured(PEER.replace("==", " "), theirs(program), half, named=False) for half in halves]
        elif not args.no_peer:
            sys.stderr.write(f"{PEER} can't be installed here; measured without it\n")
    if args.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
        return
    lines = [
        "| tool | half | caught | by the right rule | false alarms | precision | median per file |",
        "|--|--|--|--|--|--|--|",
    ]
    for row in rows:
        right = f"{row.right}/{row.leaks}" if row.right is not None else "–"
        lines.append(
            f"| {row.tool} | {row.half.replace('_', ' ')} | {row.caught}/{row.leaks} | {right} | "
            f"{row.false_alarms}/{row.clean} | {row.precision:.2f} | {row.seconds * 1000:.0f} ms |"
        )
    lines += [f"missed by {row.tool}: {', '.join(row.missed)}" for row in rows if row.missed and row.right is not None]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
