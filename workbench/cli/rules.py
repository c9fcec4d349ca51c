"""`workbench rules [RULE]`: the rules of the gates and of `lint`, and the page of each."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError
from workbench.visible import visible

if TYPE_CHECKING:
    from workbench.report.model import RuleDoc

ALL = "all"
WIDTH = 80


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("rule", nargs="?", metavar="RULE", help="the rule whose page to print (default: list all rules)")
    parser.add_argument("--gate", metavar="NAME", help="only the rules of this gate (`static`: those of `workbench lint`)")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Prints the list, or one page."""
    explain(args.rule or ALL, console, gate=args.gate)
    return ExitCode.OK


def explain(rule: str, console: Console, *, gate: str | None = None) -> None:
    """Prints the page of a rule, or the list where it is `all`; as JSON where asked for. Raises UsageError for an unknown one.

    A rule's name is its id, or what follows the `/` where only one rule is called that.
    """
    from workbench.gates.registry import documents, report_order
    from workbench.lint.registry import GATE
    from workbench.lint.registry import documents as static_documents
    from workbench.report.model import RuleList, RulePage

    # The rules of the gates take a second to import, those of `lint` don't need them.
    pages = static_documents() if gate == GATE else [*documents(), *static_documents()]
    gates = sorted({page.gate for page in pages}, key=report_order)
    if gate is not None and gate not in gates:
        raise UsageError(f"There is no gate `{gate}`.", f"the gates are: {', '.join(gates)}")
    pages = [page for page in pages if gate in (None, page.gate)]
    chosen = [page for page in pages if rule in (ALL, page.id)]
    short = [page for page in pages if page.id.rpartition("/")[2] == rule]
    if not chosen and len(short) == 1:
        chosen = short
    if not chosen:
        close = difflib.get_close_matches(rule, [page.id for page in pages], 1, 0.5)
        raise UsageError(f"There is no rule `{rule}`.", f"did you mean `{close[0]}`?" if close else "see `workbench rules`")
    chosen.sort(key=lambda page: (report_order(page.gate), page.id))
    if console.json:
        console.model(RuleList(rules=[RulePage(id=p.id, gate=p.gate, summary=p.summary, help=p.help) for p in chosen]))
    elif rule == ALL:
        console.data("\n".join(_listed(chosen)))
    else:
        page = chosen[0]
        console.data("\n".join([f"# {page.id} (gate {page.gate})", "", *_page(page)]))


def _listed(pages: Sequence[RuleDoc]) -> list[str]:
    from workbench.report.words import wrapped

    width = max(len(page.id) for page in pages) + 2
    lines: list[str] = []
    for place, page in enumerate(pages):
        if place == 0 or page.gate != pages[place - 1].gate:
            lines += ([""] if lines else []) + [page.gate]
        lines += wrapped(page.summary, WIDTH, " " * (width + 2), first=f"  {page.id:<{width}}")
    return lines


def _page(page: RuleDoc) -> list[str]:
    from workbench.report.words import wrapped

    lines: list[str] = []
    for block in visible(page.help, newlines=True).split("\n\n"):
        # Code is indented and stays as it is.
        lines += [*(block.split("\n") if block.startswith(" ") else wrapped(block.replace("\n", " "), WIDTH)), ""]
    return lines[:-1]
