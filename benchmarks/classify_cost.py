"""How long the static key takes, cold: ten changed files in a repository of 2,000, as a process of its own.

    python benchmarks/classify_cost.py [--files 2000] [--rounds 7] [--loose]

Beside it, in the same rounds: Python's own start, `git diff` of the same two commits, and importing the command. The repository
is packed, as a clone is (`--loose`: as it lies after many commits). Prints the fastest and the median of each.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.changesets import git
from tests.corpus.changes.bases import SHOP

ROOT = Path(__file__).resolve().parents[1]
CHANGED = ("split", "model", "features", "settings", "metrics")


def made(root: Path, files: int, loose: bool) -> None:
    """A repository of `files` files with two commits, ten files apart."""
    texts = dict(SHOP)
    for number in range(files - len(SHOP)):
        other = number - number % 200 + number % 40  # each part has a few modules that the others of its group use
        functions = "\n\n".join(f"def f{k}(a, b={k}):\n    return [a + b * x for x in range(10)]\n" for k in range(8))
        head = f'"""Part {number}."""\n\nfrom lib.part{other % 40:02d} import module{other:04d} as other\n\n\n'
        texts[f"lib/part{number % 40:02d}/module{number:04d}.py"] = head + functions
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "base")
    stages = [f"pipelines/shop/{name}.py" for name in CHANGED]
    for path in (*stages, *(f"lib/part{n:02d}/module{n:04d}.py" for n in range(5))):
        place = root / path
        place.write_text(place.read_text("utf-8") + "\n\ndef added(value):\n    return value + 1\n", "utf-8")
    place = root / "pipelines/shop/split.py"
    place.write_text(place.read_text("utf-8").replace("hour <= last_known", "hour < last_known"), "utf-8")
    git(root, "commit", "-q", "-a", "-m", "ten files")
    if not loose:
        git(root, "gc", "-q")


def seconds(command: Sequence[str], where: Path) -> float:
    """Wall-clock time of one run."""
    started = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, check=False)
    assert done.returncode in (0, 3), done.stderr.decode()
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", default=2_000, type=int)
    parser.add_argument("--rounds", default=7, type=int)
    parser.add_argument("--loose", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="classify-") as directory:
        root = Path(directory)
        made(root, options.files, options.loose)
        base, head = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
        classify = [sys.executable, "-m", "workbench", "classify", "--static-only", "--json", "--quiet"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "git diff": ["git", "diff", base, head],
            "importing the command": [sys.executable, "-c", "import workbench.cli.main, workbench.cli.classify"],
            "classify, nothing changed": [*classify, "--base", base, "--head", base],
            "classify, ten files": [*classify, "--base", base, "--head", head],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                taken[name].append(seconds(command, root))
    start = statistics.median(taken["python -c pass"]) + statistics.median(taken["git diff"])
    print(f"| {options.files} files, load {os.getloadavg()[0]:.1f} | fastest | median | over git diff and Python's start |")
    print("|--|--:|--:|--:|")
    for name, times in taken.items():
        middle = statistics.median(times)
        print(f"| {name} | {min(times) * 1000:.0f} ms | {middle * 1000:.0f} ms | {middle / start:.1f} × |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
