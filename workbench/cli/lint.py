"""`workbench lint PATH…`: the static leakage rules on Python files and notebooks; needs no contract and no workspace."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.console import Console
from workbench.cli.rules import explain
from workbench.errors import ExitCode, UsageError
from workbench.visible import visible

if TYPE_CHECKING:
    from workbench.findings import Finding
    from workbench.lint.model import FileReport, LintReport

FORMATS = ("text", "json", "sarif", "junit", "github")
_CODES = {"pass": ExitCode.OK, "fail": ExitCode.FINDINGS, "error": ExitCode.USAGE}
_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="Python files, notebooks, or directories of them")
    parser.add_argument("--format", choices=FORMATS, help="what to print on stdout (default: text, or json with --json)")
    parser.add_argument("--explain", metavar="RULE", help="print a rule's page (`all`: list the rules) and lint nothing")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Lints: exit 0 nothing found, 1 findings, 2 a file can't be analysed."""
    if args.explain:
        from workbench.lint.registry import GATE

        explain(args.explain, console, gate=GATE)
        return ExitCode.OK
    if not args.paths:
        raise UsageError("No file or directory to lint was given.", "workbench lint PATH…")
    from workbench.lint.check import lint

    form = args.format or ("json" if args.json else "text")
    if args.json and form != "json":
        raise UsageError(f"--json and --format {form} ask for different things.", "give one of the two")
    root = args.directory
    report = lint([path if path.is_absolute() else root / path for path in args.paths], root=root)
    shown = _rendered(form, report, console)
    if shown:
        console.data(shown)
    for file in report.files:
        if file.error is not None:
            console.warn(f"{console.paint('error:', 'red')} {visible(file.error.message)}")
            console.warn(f"{console.paint('hint:', 'cyan')} {visible(file.error.hint)}")
    _closing(report, console)
    return _CODES[report.verdict]


def _rendered(form: str, report: LintReport, console: Console) -> str:
    if form == "json":
        return report.model_dump_json(indent=2)
    if form == "text":
        return "\n".join(line for file in report.files for finding in file.findings for line in _lines(finding, file, console))
    from workbench import __version__
    from workbench.lint.model import as_audits
    from workbench.lint.registry import GATE, documents

    pages = documents()
    audits = as_audits(report, [page.id for page in pages])
    if form == "sarif":
        from workbench.report.sarif import sarif

        return sarif(audits, pages, __version__)
    if form == "junit":
        from workbench.report.junit import junit

        return junit(audits, {page.id: GATE for page in pages})
    from workbench.report.github import github

    told = [audit for audit in audits if audit.findings or audit.error]
    return github(told) if told else ""


def _lines(finding: Finding, file: FileReport, console: Console) -> list[str]:
    from workbench.report.words import evidence_words, place, wrapped

    color = console.out.isatty()
    label = finding.severity.value
    head = f"{place(finding) or visible(file.path)}: "
    head += (console.paint(label, _STYLES[label]) if color else label) + f" {visible(finding.rule)}"
    lines = [head, *wrapped(finding.message, 80, "    ")]
    for evidence in finding.evidence:
        for words in evidence_words(evidence):
            lines += wrapped(words, 80, "      ")
    return [*lines, *wrapped(finding.remedy, 80, "      ", first="    → ")]


def _closing(report: LintReport, console: Console) -> None:
    from workbench.report.words import counted

    unread = sum(file.error is not None for file in report.files)
    allowed = sum(len(file.allowed) for file in report.files)
    parts = [counted(len(report.findings), "finding"), f"in {counted(len(report.files), 'file')}"]
    words = " ".join(parts)
    words += f", {allowed} allowed by a comment" if allowed else ""
    words += f", {unread} not analysed" if unread else ""
    words += "; `workbench rules RULE` says more of a rule" if report.findings else ""
    console.say(words + ("" if report.findings or unread else "; nothing found is not a proof that there is no leak"))
