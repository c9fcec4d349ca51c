"""Lints files: finds them, analyses each once, runs every rule, takes out what comments allow."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from workbench.errors import UsageError
from workbench.findings import Evidence, Finding, Location, Text
from workbench.lint.facts import Facts
from workbench.lint.interpreter import Interpreter, TooLarge
from workbench.lint.model import AllowedFinding, FileReport, LintReport, fails
from workbench.lint.registry import rules
from workbench.lint.rule import Hit, LintRule
from workbench.lint.source import Source, SourceError, python, read
from workbench.lint.suppression import Suppressions
from workbench.report.model import Fault

SKIPPED = frozenset(
    [
        "__pycache__",
        "site-packages",
        "node_modules",
        "build",
        "dist",
        "venv",
        "env",
        ".venv",
        ".git",
        ".hg",
        ".tox",
        ".nox",
        ".eggs",
        ".mypy_cache",
        ".ruff_cache",
        ".ipynb_checkpoints",
        ".workbench",
    ]
)
SUFFIXES = (".py", ".ipynb")
_RECURSION = 6000


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The Python files and notebooks among `paths` and below the directories among them. Raises UsageError."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_below(path)))
        elif not path.exists():
            raise UsageError(f"There is no {path}.", "give Python files, notebooks or directories")
        elif path.suffix not in SUFFIXES:
            raise UsageError(f"{path} is neither a Python file nor a notebook.", "give files that end in .py or .ipynb")
        else:
            found[path] = None
    return list(found)


def _below(directory: Path) -> Iterable[Path]:
    for folder, folders, names in os.walk(directory):
        here = Path(folder)
        folders[:] = sorted(
            d for d in folders if d not in SKIPPED and not d.startswith(".") and not (here / d / "pyvenv.cfg").exists()
        )
        yield from (here / name for name in sorted(names) if name.endswith(SUFFIXES))


def lint(paths: Sequence[Path], *, root: Path, progress: Callable[[str], None] | None = None) -> LintReport:
    """Lints files and directories; paths in the report are relative to `root` where they lie below it."""
    reports = []
    for path in files_of(paths):
        if progress is not None:
            progress(str(path))
        reports.append(lint_file(path, _shown(path, root)))
    verdict = (
        "error" if any(r.error for r in reports) else "fail" if any(fails(f) for r in reports for f in r.findings) else "pass"
    )
    return LintReport(verdict=verdict, files=reports)


def _shown(path: Path, root: Path) -> str:
    absolute, base = Path(os.path.normpath(path.absolute())), Path(os.path.normpath(root.absolute()))
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else path.as_posix()


def lint_file(path: Path, shown: str) -> FileReport:
    """Lints one file; what can't be analysed is said in the report's `error`."""
    begin = time.perf_counter()
    try:
        source = read(path, shown)
        report = _analysed(source)
    except SourceError as error:
        report = FileReport(path=shown, error=Fault(kind=error.kind, message=error.message, hint=error.hint))
    return report.model_copy(update={"seconds": round(time.perf_counter() - begin, 6)})


def lint_text(text: str, shown: str = "<text>") -> FileReport:
    """Lints Python code given as text. Raises SourceError."""
    return _analysed(python(text, shown))


# A file in which none of this stands has no tables, no models and no order of rows: nothing to follow.
_SUBJECT = re.compile(
    r"pandas|polars|numpy|sklearn|torch|keras|tensorflow|xgboost|lightgbm|catboost|spark|talib|freqtrade|statsmodels|scipy|"
    r"\.(?:fit|predict|fit_transform|shift|rolling|bfill)\(|\biloc\b|merge_asof|dataframe|ohlc",
    re.IGNORECASE,
)


def _analysed(source: Source) -> FileReport:
    if not _SUBJECT.search(source.text):
        return FileReport(path=source.path)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION))
    try:
        facts = Facts(Interpreter().run(source.tree))
        hits = [(rule, hit) for rule in rules() for hit in rule.check(facts)]
    except TooLarge:
        raise SourceError(
            f"{source.path} is not analysed: following it takes too many steps.", "split it into smaller files"
        ) from None
    except RecursionError:
        raise SourceError(f"{source.path} is not analysed: its expressions are nested too deeply.", "split them up") from None
    finally:
        sys.setrecursionlimit(limit)
    suppressions = Suppressions(source.text, source.tree)
    findings: dict[tuple[str, int, str | None], Finding] = {}
    allowed: list[AllowedFinding] = []
    for rule, hit in sorted(hits, key=lambda pair: (pair[1].site.line, pair[0].id)):
        key = (rule.id, hit.site.line, hit.source)
        if key in findings:
            continue
        comment = suppressions.find(rule.id, [hit.site.line, *(site.line for site in hit.others)])
        finding = _finding(source, rule, hit, unreasoned=comment is not None and not comment.reason)
        if comment is not None and comment.reason:
            allowed.append(AllowedFinding(finding=finding, reason=comment.reason))
        else:
            findings[key] = finding
    return FileReport(path=source.path, findings=list(findings.values()), allowed=allowed)


def _finding(source: Source, rule: LintRule, hit: Hit, *, unreasoned: bool) -> Finding:
    cell = source.spoken(hit.site.line)
    evidence: list[Evidence] = [Text(text=_in_cells(source, hit.evidence))] if hit.evidence else []
    if unreasoned:
        evidence.append(Text(text="the comment that allows it gives no reason, so it counts for nothing: write `… because …`"))
    return Finding(
        rule=rule.id,
        severity=hit.severity,
        stage=hit.site.function or ("notebook" if source.places else "module"),
        column=hit.column,
        source=hit.source,
        lookahead=hit.lookahead,
        evidence=evidence,
        message=f"{cell}: {hit.message}" if cell else hit.message,
        remedy=hit.remedy,
        location=Location(path=source.path, line=source.line(hit.site.line), column=hit.site.column),
    )


def _in_cells(source: Source, words: str) -> str:
    if not source.places:
        return words
    return re.sub(r"line (\d+)", lambda m: source.spoken(int(m[1])) or m[0], words)
