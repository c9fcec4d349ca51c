"""`workbench lint` on other people's code, fetched when it is run, because their texts are not ours to carry. A Markdown table.

    python benchmarks/lint_elsewhere.py [--files 500] [--strategies DIR] [--finta-old DIR] [--finta-new DIR] [--json]

*finta*: 0.3.3, where the indicators VORTEX and UO look ahead, against 0.3.6, where they don't any more. *strategies*: the folder
`user_data/strategies/lookahead_bias` of freqtrade-strategies, every file of which is known to look ahead. Both come by `pip` and
`git`; a directory that is given is taken instead, and what can't be had is left out and said so. *installed*: Python files
of packages that are installed here, in which nobody trains on a test; the same share of each package, in the order of names.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from workbench.lint.check import lint_file
from workbench.lint.model import FileReport, fails

STRATEGIES = "https://github.com/freqtrade/freqtrade-strategies"
PACKAGES = ("sklearn", "pandas", "scipy", "mlflow", "lightgbm")
MENDED = ("VORTEX", "UO")


@dataclass(frozen=True)
class Row:
    """One set of files."""

    what: str
    files: int
    analysed: int
    reported: list[str] = field(default_factory=list)
    seconds: float = 0.0


def linted(what: str, files: list[Path], name: Callable[[Path], str]) -> tuple[Row, list[FileReport]]:
    """The files with an error or a warning, by name; a crash isn't caught."""
    begin = time.perf_counter()
    reports = [lint_file(path, name(path)) for path in files]
    found = [report.path for report in reports if any(fails(finding) for finding in report.findings)]
    analysed = sum(report.error is None for report in reports)
    return Row(what, len(files), analysed, found, round(time.perf_counter() - begin, 1)), reports


def finta(version: str, given: Path | None, place: Path) -> Row | None:
    """Which of the two indicators are reported in a release of finta."""
    folder = given or place / version
    if given is None:
        asked = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), f"finta=={version}"]
        if subprocess.run(asked, capture_output=True, check=False).returncode:
            return None
        for archive in list(folder.iterdir()):
            if archive.suffix == ".whl":
                zipfile.ZipFile(archive).extractall(folder)
            else:
                with tarfile.open(archive) as packed:
                    packed.extractall(folder, filter="data")
    (source,) = folder.rglob("finta/finta.py")
    row, (report,) = linted(f"finta {version}: {' and '.join(MENDED)}", [source], lambda path: path.name)
    lines = {f.location.line for f in report.findings if fails(f) and f.location is not None and f.location.line is not None}
    spans = {
        node.name: range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    return Row(row.what, 1, row.analysed, [name for name in MENDED if lines & set(spans[name])], row.seconds)


def strategies(given: Path | None, place: Path) -> Row | None:
    """The strategies that are kept because they look ahead."""
    folder = given or place / "strategies" / "user_data" / "strategies" / "lookahead_bias"
    if given is None:
        asked = ["git", "clone", "--quiet", "--depth", "1", STRATEGIES, str(place / "strategies")]
        if subprocess.run(asked, capture_output=True, check=False).returncode:
            return None
    return linted("freqtrade-strategies, lookahead_bias", sorted(folder.glob("*.py")), lambda path: path.name)[0]


def installed(count: int) -> Row:
    """Files of packages that are installed, and of the standard library."""
    homes = {name: Path(spec.origin).parent for name in PACKAGES if (spec := importlib.util.find_spec(name)) and spec.origin}
    homes["the standard library"] = Path(sysconfig.get_path("stdlib"))
    chosen: list[Path] = []
    for home in homes.values():
        files = sorted(path for path in home.rglob("*.py") if "site-packages" not in path.relative_to(home).parts)
        chosen += files[:: max(1, len(files) * len(homes) // count)]
    root = Path(sysconfig.get_path("purelib"))

    def name(path: Path) -> str:
        return str(path.relative_to(root)) if path.is_relative_to(root) else path.name

    return linted(", ".join(homes), chosen, name)[0]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=500, help="about how many installed files (default: 500)")
    parser.add_argument("--strategies", type=Path, metavar="DIR", help="the folder lookahead_bias of freqtrade-strategies")
    parser.add_argument("--finta-old", type=Path, metavar="DIR", help="finta 0.3.3, unpacked")
    parser.add_argument("--finta-new", type=Path, metavar="DIR", help="finta 0.3.6, unpacked")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lint-elsewhere-") as directory:
        place = Path(directory)
        asked: dict[str, Row | None] = {
            "finta 0.3.3": finta("0.3.3", args.finta_old, place),
            "finta 0.3.6": finta("0.3.6", args.finta_new, place),
            "freqtrade-strategies": strategies(args.strategies, place),
            "installed packages": installed(args.files),
        }
    for what in (what for what, row in asked.items() if row is None):
        sys.stderr.write(f"{what} can't be fetched here; measured without it\n")
    rows = [row for row in asked.values() if row is not None]
    if args.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
        return
    lines = ["| files of | files | analysed | reported | seconds |", "|--|--|--|--|--|"]
    for row in rows:
        lines.append(f"| {row.what} | {row.files} | {row.analysed} | {', '.join(row.reported) or 'none'} | {row.seconds} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
