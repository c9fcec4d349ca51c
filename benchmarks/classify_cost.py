"""How long the static key takes, cold: ten changed files in a repository of 2,000, as a process of its own.

    python benchmarks/classify_cost.py [--files 2000] [--rounds 7] [--loose]

Beside it, in the same rounds: Python's own start, importing pydantic, `git diff` of the same two commits, importing the command,
and other commands that people wait for. The repository is packed, as a clone is (`--loose`: as it lies after many commits).
Prints the fastest and the median of each, wall clock and processor time with that of git. Compiled code is kept, as it is where
somebody installed the program, in a directory of its own; the first round, which fills it, isn't counted.
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


def seconds(command: Sequence[str], where: Path, compiled: Path) -> tuple[float, float]:
    """Wall-clock and processor time of one run."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    running = subprocess.Popen(command, cwd=where, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(running.pid, 0)
    taken = time.perf_counter() - started
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode in (0, 3), command
    return taken, used.ru_utime + used.ru_stime


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
        workbench = [sys.executable, "-m", "workbench"]
        classify = [*workbench, "classify", "--static-only", "--json", "--quiet"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import pydantic'": [sys.executable, "-c", "from pydantic import BaseModel"],
            "git diff": ["git", "diff", base, head],
            "importing the command": [sys.executable, "-c", "import workbench.cli.main, workbench.cli.classify"],
            "workbench --help": [*workbench, "--help"],
            "review list": [*workbench, "review", "list", "--json"],
            "verify, nothing changed": [*workbench, "verify", "--static-only", "--base", head, "--json"],
            "classify, nothing changed": [*classify, "--base", base, "--head", base],
            "classify, ten files": [*classify, "--base", base, "--head", head],
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for number in range(options.rounds + 1):
            for name, command in commands.items():
                both = seconds(command, root, Path(directory) / ".workbench/compiled")
                taken[name] += [both] if number else []
    wall = {name: sorted(one for one, _ in times) for name, times in taken.items()}
    used = {name: statistics.median(one for _, one in times) for name, times in taken.items()}
    least = statistics.median(wall["python -c 'import pydantic'"])
    print(f"| {options.files} files, load {os.getloadavg()[0]:.1f} | fastest | median | over importing pydantic | processor |")
    print("|--|--:|--:|--:|--:|")
    for name, times in wall.items():
        middle = statistics.median(times)
        times_over = f"{middle / least:.1f} ×"
        print(f"| {name} | {times[0] * 1000:.0f} ms | {middle * 1000:.0f} ms | {times_over} | {used[name] * 1000:.0f} ms |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
