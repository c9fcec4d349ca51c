"""What `workbench classify` makes of the corpus of changes, as Markdown tables.

    python benchmarks/change_recall.py [--effect] [--only evasions,labelled,harmless,styles] [--sorts "rename a local,f-string"]

Evasions: escalated (review or block) of all, per family. Plain changes: recall of their kind by the static key. Harmless
refactors: how many ask for anybody, by the static key alone and, with `--effect`, by both keys (a second or two for each).
`styles` are refactors in further styles, which were written before anything was measured on them.
The decision is that of the policy in the corpus: data, preprocessing, model, postprocessing, docs and format need nobody.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.corpus.changes.cases import Case
from tests.corpus.changes.evasions.families import COVERED, FAMILIES
from tests.corpus.changes.trial import EVASIONS, HARMLESS, LABELLED, STYLES, Outcome, outcomes
from workbench.changes import RiskKind


def tried(cases: Iterable[Case], *, effect: bool = False) -> list[Outcome]:
    """Judges all of them, with a mark on stderr for each."""
    found = []
    with tempfile.TemporaryDirectory(prefix="changes-") as root:
        for one in outcomes(cases, Path(root), effect=effect):
            found.append(one)
            print("." if not one.missing else "x", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def table(head: str, groups: Sequence[str], found: list[Outcome], good: Callable[[Outcome], bool], more: dict[str, int]) -> str:
    """One line a group: how many are as they should be; a line of totals."""
    by_group: dict[str, list[Outcome]] = defaultdict(list)
    for one in found:
        by_group[one.case.group].append(one)
    lines = [head, "|" + "--|" * (head.count("|") - 1)]
    for number, group in enumerate(groups, 1):
        own = by_group[group]
        share = f"{sum(map(good, own))}/{len(own)}" if own else "–"
        lines.append(f"| {number} | {group} | {share} |" + (f" {more.get(group, 0)} |" if more else ""))
    lines.append(f"| | **all** | {sum(map(good, found))}/{len(found)} |" + (f" {sum(more.values())} |" if more else ""))
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--effect", action="store_true", help="judge the refactors by both keys, too")
    parser.add_argument("--only", default="evasions,labelled,harmless,styles", help="parts, by commas")
    parser.add_argument("--sorts", default="", help="limits the refactors to these sorts, by commas")
    options = parser.parse_args()
    parts, failed = options.only.split(","), False
    if "evasions" in parts:
        found = tried(EVASIONS)
        tests = {family: len(COVERED.get(family, ())) for family in FAMILIES}
        print(table("| # | family | escalated | tests elsewhere |", FAMILIES, found, lambda one: one.escalated, tests))
        failed |= not all(one.escalated and not one.missing for one in found)
    if "labelled" in parts:
        found = tried(LABELLED)
        kinds = [kind.value for kind in RiskKind]
        print(table("| # | kind | found by the static key |", kinds, found, lambda one: one.case.group in one.kinds, {}))
        failed |= any(sum(one.case.group not in one.kinds for one in found if one.case.group == kind) for kind in kinds)
    for part, cases in (("harmless", HARMLESS), ("styles", STYLES)):
        if part not in parts:
            continue
        chosen = [case for case in cases if not options.sorts or case.group in options.sorts.split(",")]
        sorts = list(dict.fromkeys(case.group for case in chosen))
        for effect in (False, True) if options.effect else (False,):
            found = tried(chosen, effect=effect)
            head = f"| # | refactor | escalated by {'both keys' if effect else 'the static key'} |"
            print(table(head, sorts, found, lambda one: one.escalated, {}))
            print("".join(f"- {one.case.id}: {', '.join(sorted(one.kinds))}\n" for one in found if one.escalated))
            failed |= sum(one.escalated for one in found) > (0.02 if effect else 0.1) * len(found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
