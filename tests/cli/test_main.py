"""The command line: cheap to start, one meaning for each exit code, errors as sentences."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.changesets import workspace
from workbench.cli import main as cli
from workbench.cli.console import console_from
from workbench.errors import Corrupt, Diverged, ExitCode, PipelineError, Refusal, SignOffRequired

HEAVY = ("mlflow", "langgraph", "pandas", "textual", "lightgbm", "sklearn", "pyarrow", "numpy")


def imported_by(*argv: str, names: tuple[str, ...] = HEAVY) -> set[str]:
    code = (
        "import sys, json\n"
        "from workbench.cli.main import main\n"
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        f"    main({list(argv)!r})\n"
        f"print(json.dumps([name for name in {names!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_of_the_program_needs_no_more_than_argparse() -> None:
    assert "pydantic" not in imported_by("--help", names=(*HEAVY, "pydantic"))


@pytest.mark.parametrize("argv", [("--help",), ("--version",), ("review", "--help"), ("verify", "--help"), ("audit", "--help")])
def test_help_imports_nothing_heavy(argv: tuple[str, ...]) -> None:
    assert imported_by(*argv) == set()


def test_reading_a_change_imports_only_what_reading_needs(tmp_path: Path) -> None:
    repo = workspace(tmp_path)
    command = ("-C", str(repo.root), "classify", "--static-only", "--base", "main", "--head", "main")
    unneeded = ("gitdb", "difflib", "sqlite3", "workbench.sandbox", "workbench.changes.measured", "workbench.changes.diff",
                "workbench.changes.effect", "workbench.review.queue")  # fmt: skip
    assert imported_by(*command, names=(*HEAVY, *unneeded)) == set()


@pytest.mark.parametrize("words", [("review", "list"), ("verify", "--base", "main", "--static-only")])
def test_looking_at_the_queue_imports_nothing_heavy(words: tuple[str, ...], tmp_path: Path) -> None:
    repo = workspace(tmp_path)
    assert imported_by("-C", str(repo.root), *words) == set()


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == ExitCode.USAGE
    assert "commands:" in capsys.readouterr().err


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bogus"]) == ExitCode.USAGE
    assert "bogus" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_has_help_and_exits_0_for_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == ExitCode.OK
    assert "usage:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PipelineError("p"), 2),
        (Refusal("r"), 1),
        (Corrupt("c"), 1),
        (SignOffRequired("s"), 3),
        (Diverged("d"), 4),
        (KeyboardInterrupt(), 130),
        (RuntimeError("ours"), 70),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def run(args: object, console: object) -> ExitCode:
        raise error

    console = console_from(json=False, quiet=False, no_color=True, no_input=True)
    assert cli._guarded(run, None, console) == code  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert said.strip()
    assert ("Traceback" in said) == (code == 70)


def test_outside_a_workspace_says_what_to_do_and_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["-C", str(tmp_path), "--json", "audit", "x"]) == ExitCode.USAGE
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["exit"] == 2
    assert "workbench init" in said.err
