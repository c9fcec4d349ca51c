"""Recall against rarity: the same leaks, switched on for 1 % down to 0.01 % of the rows of a feature frame.

    python benchmarks/rarity.py [--seeds 2] [--shares 1,0.1,0.01] [--stores 100] [--processes 2] [--json]

`shop` with 100 stores (18,500 rows of the feature frame). One feature is an honest lag, except on few rows, where it is the
next day's units (*ahead*: more than a week beyond what is known) or those of a week before (*late*: a day beyond). The few rows
are days of all stores or of some, a store on some days, a window of three days, rows at random, or rows with a rare planned
price. Only the features gate runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from workbench.mutants.catalogue import bases
from workbench.mutants.model import Mutant, expected
from workbench.mutants.trial import run

SHARES = (1.0, 0.3, 0.1, 0.03, 0.01)
"""Per cent of the rows."""
DAYS = 185
"""Days of the feature frame: 220 less the 35 at its beginning."""
READS = {"ahead": "units.shift(-1)", "late": "units.shift(7)"}
FEATURE = """\
units = frame.groupby("store")["units"]
{rare}
frame["recent"] = np.where(rare, {reads}, units.shift(9))
"""


def _days(rows: int, stores: int, rng: np.random.Generator) -> str:
    """Whole days of all stores, and one day of some stores for what is left."""
    whole, some = divmod(rows, stores)
    chosen = rng.choice(np.arange(36, 219), whole + 1, replace=False)
    first = int(rng.integers(0, stores - some + 1))
    return (
        f'number = frame["store"].str[1:].astype(int)\nday = (frame["date"] - pd.Timestamp("2024-01-08")).dt.days\n'
        f"rare = day.isin({sorted(map(int, chosen[1:]))}) | ((day == {chosen[0]}) & number.between({first}, {first + some - 1}))"
    )


def _store(rows: int, stores: int, rng: np.random.Generator) -> str:
    """Some days of one store, or of as few as hold them."""
    parts = []
    for number in rng.choice(stores, max(1, -(-rows // DAYS)), replace=False):
        days = sorted(map(int, rng.choice(np.arange(36, 219), min(rows, 183), replace=False)))
        parts.append(f'((frame["store"] == "S{number:02d}") & day.isin({days}))')
        rows -= len(days)
    return 'day = (frame["date"] - pd.Timestamp("2024-01-08")).dt.days\nrare = ' + " | ".join(parts)


def _window(rows: int, stores: int, rng: np.random.Generator) -> str:
    """Three days in a row for some stores."""
    begin, some = int(rng.integers(36, 215)), max(1, min(stores, round(rows / 3)))
    first = int(rng.integers(0, stores - some + 1))
    return (
        f'number = frame["store"].str[1:].astype(int)\nday = (frame["date"] - pd.Timestamp("2024-01-08")).dt.days\n'
        f"rare = day.between({begin}, {begin + min(3, rows) - 1}) & number.between({first}, {first + some - 1})"
    )


def _random(rows: int, stores: int, rng: np.random.Generator) -> str:
    """Rows that have nothing in common."""
    places = sorted(map(int, rng.choice(stores * DAYS, rows, replace=False)))
    return (
        'number = frame["store"].str[1:].astype(int)\nday = (frame["date"] - pd.Timestamp("2024-01-08")).dt.days\n'
        f"rare = (number * {DAYS} + day - 35).where(day >= 35, -1).isin({places})"
    )


def _price(rows: int, stores: int, rng: np.random.Generator) -> str:
    """Rows whose planned price is among the lowest, or highest."""
    ascending = bool(rng.integers(0, 2))
    return (
        'later = frame["date"] >= frame["date"].min() + pd.Timedelta("35d")\n'
        f'rare = frame["price"].where(later).rank(method="first", ascending={ascending}) <= {rows}'
    )


KINDS = {"days": _days, "store": _store, "window": _window, "random": _random, "price": _price}


@dataclass(frozen=True)
class Row:
    """One rare leak, and whether it was found."""

    kind: str
    reads: str
    share: float
    seed: int
    caught: bool
    passed: bool
    runs: int
    seconds: float


def rare_leak(kind: str, reads: str, share: float, seed: int, stores: int) -> Mutant:
    """A shop whose feature `recent` leaks on `share` per cent of its rows."""
    rng = np.random.default_rng([seed, round(share * 1000), list(KINDS).index(kind)])
    rows = max(1, round(stores * DAYS * share / 100))
    code = FEATURE.format(rare=KINDS[kind](rows, stores, rng), reads=READS[reads])
    files = bases()["shop"].render({"extra": code})
    files["pipelines/shop/data.py"] = files["pipelines/shop/data.py"].replace("220, 12\n", f"220, {stores}\n")
    expects = expected("leakage/future-feature", stage="features", columns="recent")
    return Mutant(29, f"shop-{kind}-{reads}-{share}-{seed}", "shop", True, files, expects, share / 100)


def tried(kind: str, reads: str, share: float, seed: int, stores: int) -> Row:
    """Audits one rare leak, its features gate only."""
    with tempfile.TemporaryDirectory(prefix="rare-") as directory:
        trial = run(rare_leak(kind, reads, share, seed, stores), Path(directory), gates=["features"])
    report = trial.report
    runs = max((gate.runs for gate in report.gates), default=0)
    return Row(kind, reads, share, seed, trial.judgement.right, report.verdict == "pass", runs, round(trial.seconds, 2))


def table(rows: list[Row]) -> str:
    """Found of planted, by what is rare and how rare."""
    shares = sorted({row.share for row in rows}, reverse=True)
    cells: dict[tuple[str, str, float], list[bool]] = defaultdict(list)
    for row in rows:
        cells[row.kind, row.reads, row.share].append(row.caught)
    lines = ["| rare rows | reads | " + " | ".join(f"{share:g} %" for share in shares) + " |", "|--|--|" + "--|" * len(shares)]
    for kind, reads in dict.fromkeys((row.kind, row.reads) for row in rows):
        found = [cells[kind, reads, share] for share in shares]
        lines.append(f"| {kind} | {reads} | " + " | ".join(f"{sum(cell)}/{len(cell)}" for cell in found) + " |")
    every = [[row.caught for row in rows if row.share == share] for share in shares]
    lines.append("| **all** | | " + " | ".join(f"{sum(cell)}/{len(cell)}" for cell in every) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default=2, type=int)
    parser.add_argument("--shares", default=",".join(map(str, SHARES)), help="per cent, by commas")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--stores", default=100, type=int)
    parser.add_argument("--processes", default=2, type=int)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    shares = [float(share) for share in options.shares.split(",")]
    planned = [
        (kind, reads, share, seed, options.stores)
        for share in shares for kind in options.kinds.split(",") for reads in READS for seed in range(options.seeds)
    ]  # fmt: skip
    rows = []
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for row in pool.map(tried, *zip(*planned)):
            rows.append(row)
            print("." if row.caught else "x", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(json.dumps([asdict(row) for row in rows], indent=1) if options.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
