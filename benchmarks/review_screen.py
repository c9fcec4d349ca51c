"""How the review screen fares with a long queue and a long diff, beside short ones: `python benchmarks/review_screen.py`.

Real queued changes in a real repository, one of them with a long diff and evidence of a run; the screen is driven without a
terminal. The floor is a key that nothing is bound to: what Textual and its test driver take by themselves. Medians; ratios are
what counts, since both sides run in turn in one process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from textual.pilot import Pilot

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.changesets import edited
from tests.reviews import SPLIT_EDIT, Desk, desk
from workbench.changes import Measured
from workbench.changes.figures import Figures, FoldRows, SliceScore, Where
from workbench.changes.measured import RanUseCase
from workbench.repo import DIRECTORY, FILE, Entry, Identity
from workbench.review import queue
from workbench.review.gates import EFFECT
from workbench.settings import load_settings
from workbench.tui.app import ReviewApp

KEYS = {"queue": ["j", "k", "G", "g"], "diff": ["j", "ctrl+d", "ctrl+u", "G", "g", "right_square_bracket", "n", "s", "s"]}
WHO = Identity("Team", "team@shop.example")


def measured(base: str, result: str) -> bytes:
    """Evidence of a run with figures to draw, in the size of a real one."""
    rows = [
        FoldRows(
            fold=fold, side="training", begin="2024-01-01T00:00:00+00:00", end="2024-03-01T00:00:00+00:00", before=[20] * 48,
            after=[21] * 48, came=[1] * 48, went=[0] * 48, came_where=Where(among=48), went_where=Where(),
        )
        for fold in range(1, 9)
    ]  # fmt: skip
    scores = [SliceScore(column="store", value=str(n), rows=100, before=1.0, after=1.1, noise=0.05) for n in range(9)]
    figures = Figures(folds=rows, error="mean absolute error", slices=scores)
    return Measured(base=base, result=result, use_cases=[RanUseCase(use_case="sales", equal=False, figures=figures)]).content


def make(place: Path, changes: int, lines: int) -> Desk:
    """A queue of so many changes, the first of which has a diff of so many lines."""
    here = desk(place)
    body = "".join(f"def step_{n}(x):\n    return x + {n}\n" for n in range(lines // 2))
    first = edited(here.repo, {**SPLIT_EDIT, "pipelines/sales/long.py": body}, title="A long one")
    model = here.queued(first)
    evidence = {**queue.evidence(here.repo, model), EFFECT: measured(first.base, first.result)}
    model = queue.propose(
        here.repo, first, model.classification, model.decision, evidence, use_case="sales", now=model.proposed_at
    )
    refs = []
    for number in range(1, changes):
        tree = here.repo.write_tree(first.base, {"NOTE.md": f"{number}\n".encode()})
        change = first.model_copy(update={"result": tree, "title": f"Change number {number}"})
        at = model.proposed_at + timedelta(seconds=number)
        queued = model.model_copy(
            update={"id": change.id, "digest": change.digest, "change": change, "proposed_at": at, "evidence": {}}
        )
        files = {
            "change.json": Entry(FILE, here.repo.store("blob", queued.model_dump_json().encode())),
            "base": Entry(DIRECTORY, change.base), "result": Entry(DIRECTORY, change.result),
        }  # fmt: skip
        made = here.repo.commit(here.repo.tree_from(files), [], "propose", author=WHO, ref=None, expect=None, at=at)
        refs.append(f"create {queue.PREFIX}{change.id} {made}\n")
    subprocess.run(["git", "-C", str(here.repo.root), "update-ref", "--stdin"], input="".join(refs).encode(), check=True)
    return here


async def _timed(pilot: Pilot[None], keys: Sequence[str], rounds: int) -> dict[str, float]:
    """Milliseconds of each key, median."""
    taken: dict[str, list[float]] = {key: [] for key in keys}
    for _ in range(rounds):
        for key in keys:
            begin = time.perf_counter()
            await pilot.press(key)
            taken[key].append(time.perf_counter() - begin)
    return {key: 1000 * statistics.median(times) for key, times in taken.items()}


async def _screen(here: Desk, rounds: int) -> dict[str, float]:
    """All figures of one queue, in milliseconds."""
    app = ReviewApp(load_settings(here.repo.root, {}), key=here.ana)
    async with app.run_test(size=(120, 40)) as pilot:
        while not app.ready:
            await pilot.pause()
        found = {"floor": (await _timed(pilot, ["f12"], 3 * rounds))["f12"]}
        begin = time.perf_counter()
        app.review._reload()
        found["queue: read again and fill"] = 1000 * (time.perf_counter() - begin)
        for pane, keys in KEYS.items():
            app.review._focus_pane(pane)
            app.review._sought = "return"
            for key, took in (await _timed(pilot, keys, rounds)).items():
                found[f"{pane}: {key}"] = took
                while not app.ready:
                    await pilot.pause()
            if pane == "queue":
                await pilot.press("g")
                while not app.ready:
                    await pilot.pause()
        found["tab"] = (await _timed(pilot, ["tab"], 5 * rounds))["tab"]
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        long = make(Path(place) / "long", args.changes, args.lines)
        short = make(Path(place) / "short", 20, 40)
        both = [asyncio.run(_screen(here, args.rounds)) for here in (short, long, short, long)]
    load = os.getloadavg()[0]
    rows = [f"{args.changes:,} changes, {args.lines:,} lines; load {load:.1f}", ""]
    rows += ["| what | short, ms | long, ms | over the floor, ms |", "|---|--:|--:|--:|"]
    for name in both[0]:
        small, large = (min(both[at][name], both[at + 2][name]) for at in (0, 1))
        floor = min(both[1]["floor"], both[3]["floor"])
        rows.append(f"| {name} | {small:.1f} | {large:.1f} | {large - floor:.1f} |")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
