"""What recording costs of the loop's wall time, and how much faster a check is than the session was; ratios of one run.

    python benchmarks/recording_cost.py

A small pipeline, from its start through a repair to a person. Every append and blob (redaction, chain and fsync in it) is timed
inside the very run whose wall time it is a share of. Then the session is checked twice: everything run again, and kept.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "loop")]

from house import LEAKY_SPLIT, USE_CASE, make_house  # noqa: E402

from workbench.loop import session as loop_session  # noqa: E402
from workbench.replay import check  # noqa: E402
from workbench.sessions.reader import read_session  # noqa: E402
from workbench.sessions.writer import SessionWriter  # noqa: E402


def main() -> None:
    """Prints the table."""
    spent = {"append": 0.0, "blob": 0.0}

    def timed(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            begin = time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                spent[name] += time.perf_counter() - begin

        return run

    for name in spent:
        setattr(SessionWriter, name, timed(name, getattr(SessionWriter, name)))
    with tempfile.TemporaryDirectory() as place:
        house = make_house(Path(place), LEAKY_SPLIT)
        begin = time.perf_counter()
        done = loop_session.start(house.settings, USE_CASE)
        wall = time.perf_counter() - begin
        recording = dict(spent)
        session = read_session(done.directory)
        took = []
        for _ in range(2):
            begin = time.perf_counter()
            report = check(house.settings, session)
            assert report.same, report.divergence
            took.append(time.perf_counter() - begin)
    share = sum(recording.values()) / wall
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {len(session.events)} events, {done.outcome}")
    print(f"loop {wall:.1f} s, recording {sum(recording.values()):.2f} s: {share:.2%} (append {recording['append']:.2f} s)")
    print(f"check {took[0]:.1f} s (×{wall / took[0]:.1f}), again with what it kept {took[1]:.2f} s (×{wall / took[1]:.0f})")


if __name__ == "__main__":
    main()
