"""`workbench audit [USE_CASE]`: runs the gates and prints the report."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.report.model import AuditReport
    from workbench.settings import Settings

FORMATS = ("text", "json", "sarif", "junit", "github")
_CODES = {"pass": ExitCode.OK, "fail": ExitCode.FINDINGS, "error": ExitCode.USAGE}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("use_case", nargs="?", metavar="USE_CASE", help="the use case to audit (default: all)")
    parser.add_argument("--format", choices=FORMATS, help="what to print on stdout (default: text, or json with --json)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write the report as one HTML file")
    parser.add_argument("--gate", action="append", metavar="NAME", help="run only this gate; may be given several times")
    for side in ("train", "test"):
        parser.add_argument(
            f"--{side}", nargs="+", action="extend", metavar="PARQUET",
            help=f"judge the rows of these files as the {side} side, in place, by the contract alone (files, directories, globs)",
        )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a first look after an edit: fewer worlds, no measured effects")
    parser.add_argument("--prove", action="store_true", help="plant known leaks into a copy: does each gate find its own?")
    parser.add_argument("--explain", metavar="RULE", help="print a rule's page (`all`: list the rules) and audit nothing")
    parser.add_argument("--unsafe-no-sandbox", action="store_true", help="run stage code unconfined where no sandbox works")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Audits and prints; the exit code is the worst verdict's."""
    if args.explain:
        from workbench.cli.rules import explain

        explain(args.explain, console)
        return ExitCode.OK
    from workbench.pipeline.contract import use_cases
    from workbench.settings import load_settings

    settings = load_settings(args.directory, unsafe_no_sandbox=args.unsafe_no_sandbox)
    form = args.format or ("json" if args.json else "text")
    if args.json and form != "json":
        raise UsageError(f"--json and --format {form} ask for different things.", "give one of the two")
    if args.train or args.test:
        return _tables(args, settings, form, console)
    from workbench.gates.audit import audit
    from workbench.pipeline.looking import LookCounter

    if args.prove:
        return _proofs(args, settings, form, console)
    names = [args.use_case] if args.use_case else use_cases(settings.root)
    if not names:
        raise UsageError(
            f"There is no use case in {settings.root}.", "a use case is a folder pipelines/NAME with a contract.toml"
        )
    reports: list[AuditReport] = []
    for name in names:

        def progress(words: str, name: str = name) -> None:
            if words.startswith("gate "):
                console.say(f"  … {name}: {words}")

        looks = LookCounter(settings.root, settings.state, name, by="workbench audit")
        report = audit(settings, name, gates=args.gate, progress=progress, looks=looks, quick=args.quick)
        # Before anybody sees the report: what is shown has been counted.
        if problem := looks.keep(report.scores):
            console.say(f"  ! {name}: {problem}")
        reports.append(report)
    console.data(_rendered(form, reports, console, single=bool(args.use_case)))
    if args.html:
        _write_html(args.html, reports)
        console.say(f"  report: {args.html}")
    return max((_CODES[report.verdict] for report in reports), default=ExitCode.OK)


def _tables(args: argparse.Namespace, settings: Settings, form: str, console: Console) -> ExitCode:
    """The rules about rows on two sets of Parquet files; no stage is run."""
    from workbench.gates.tables import audit_tables

    if not (args.train and args.test and args.use_case) or args.gate:
        raise UsageError(
            "Two sets of files are judged by one use case's contract.",
            "workbench audit USE_CASE --train 'train/*.parquet' --test 'test/*.parquet' (without --gate)",
        )
    report = audit_tables(settings, args.use_case, train=args.train, test=args.test, base=Path.cwd())
    console.data(_rendered(form, [report], console, single=True))
    if args.html:
        _write_html(args.html, [report])
        console.say(f"  report: {args.html}")
    return _CODES[report.verdict]


def _proofs(args: argparse.Namespace, settings: Settings, form: str, console: Console) -> ExitCode:
    """Leaks planted into copies of one use case; 1 where a gate missed its own."""
    from workbench.mutants.prove import prove, words

    if not args.use_case or form not in ("text", "json") or args.quick:
        raise UsageError(
            "Leaks are planted into one use case at a time.", "workbench audit USE_CASE --prove [--gate NAME] [--json]"
        )
    report = prove(settings, args.use_case, gates=args.gate, progress=lambda line: console.say(f"  … {args.use_case}: {line}"))
    console.data(report.model_dump_json(indent=2) if form == "json" else words(report))
    return ExitCode.OK if report.proven else ExitCode.FINDINGS


def _rendered(form: str, reports: Sequence[AuditReport], console: Console, *, single: bool) -> str:
    from workbench import __version__
    from workbench.gates.registry import documents, rules
    from workbench.report.model import AuditReports

    if form == "json":
        model = reports[0] if single else AuditReports(reports=list(reports))
        return model.model_dump_json(indent=2)
    if form == "sarif":
        from workbench.report.sarif import sarif

        return sarif(reports, documents(), __version__)
    if form == "junit":
        from workbench.report.junit import junit

        return junit(reports, {rule.id: rule.gate for rule in rules()})
    if form == "github":
        from workbench.report.github import github

        return github(reports)
    from workbench.report.text import text

    return text(reports, console.paint if console.out.isatty() else None)


def _write_html(path: Path, reports: Sequence[AuditReport]) -> None:
    from workbench.gates.registry import documents
    from workbench.report.html import html

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html(reports, documents()), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The report can't be written to {path}: {error.strerror}.", "give another file after --html") from None
