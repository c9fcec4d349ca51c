"""Bad input ends in one clear sentence with a hint and the documented exit code; nothing is lost, nothing is applied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workbench.cli import main as cli
from workbench.repo import Identity, Repo
from workbench.testing import USE_CASE, make_workspace

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = "pipelines/visits/contract.toml"
OWNER = Identity("Owner", "owner@shop.example")


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    """Exit code, and everything that was printed: an audit's report goes to stdout, other errors to stderr."""
    code = cli.main(list(argv))
    both = capsys.readouterr()
    assert "Traceback" not in both.out + both.err
    return code, both.out + both.err


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({CONTRACT: ('target = "visitors"\n', "")}, ["contract.toml:", "target"]),
        ({CONTRACT: ('kind = "regression"', 'kind = "ranking"')}, ["contract.toml:2", "kind"]),
        ({CONTRACT: ("pipelines.visits.split:folds", "pipelines.visits.splits:folds")}, ["pipelines.visits.splits"]),
        ({CONTRACT: ('door = { known = "always" }', 'gate = { known = "always" }')}, ["visits", "gate"]),
        ({CONTRACT: ('horizon = "24h"', 'horizon = "a day"')}, ["contract.toml:", "horizon"]),
        # Every fault of a stage is asked in `tests/pipeline/test_bad_input.py`; here a few that come out of the whole program.
        ({"pipelines/visits/features.py": ("return frame", "return None")}, ["features"]),
        pytest.param(
            {"pipelines/visits/features.py": ("    return frame", '    frame["visitors"] = float("nan")\n    return frame')},
            ["visitors"],
            marks=pytest.mark.slow,
        ),
        ({"pipelines/visits/data.py": ("pd.concat(doors, ignore_index=True)", "pd.concat(doors).head(0)")}, ["visits", "empty"]),
        pytest.param({"pipelines/visits/split.py": ("yield ", "return 3\n        yield ")}, ["split"], marks=pytest.mark.slow),
        ({"pipelines/visits/model.py": ("return model.predict", "return list(model.predict")}, ["pipelines/visits/model.py"]),
    ],
)
def test_a_use_case_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], edits: dict[str, tuple[str, str]], words: list[str]
) -> None:
    root = make_workspace(tmp_path, edits)
    code, text = said(capsys, "-C", str(root), "audit", USE_CASE)
    assert code == 2, text
    assert "→" in text or "hint:" in text
    for word in words:
        assert word in text, text


def test_an_unknown_use_case_names_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_workspace(tmp_path)
    code, err = said(capsys, "-C", str(root), "audit", "visit")
    assert code == 2
    assert "visits" in err


def test_no_git_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_workspace(tmp_path)
    for argv in (["run", USE_CASE], ["review", "list"], ["verify", "--base", "main"], ["classify", "--base", "a", "--head", "b"]):
        code, err = said(capsys, "-C", str(root), *argv)
        assert code == 2, argv
        assert "hint:" in err


@pytest.fixture
def house(tmp_path: Path) -> Path:
    root = make_workspace(tmp_path / "workspace")
    shutil.copytree(ROOT / "review_policies", root / "review_policies")
    (root / ".gitignore").write_text(".workbench/\n")
    Repo.ensure(root)
    repo = Repo.open(root)
    repo.commit(repo.snapshot(root), [], "start", author=OWNER, ref="refs/heads/main", expect=None)
    return root


def _commit(root: Path, title: str) -> str:
    repo = Repo.open(root)
    head = repo.head()
    return repo.commit(repo.snapshot(root), [head], title, author=OWNER, ref="refs/heads/main", expect=head)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("splits.toml", "require.approvals", "require.aprovals"),
        ("splits.toml", '"split"', '"splitt"'),
        ("splits.toml", "[[rule]]", "[[rul]]"),
    ],
)
def test_a_policy_with_a_mistake_decides_nothing(
    house: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str
) -> None:
    path = house / "review_policies" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    broken = _commit(house, "a typo")
    (house / "pipelines/visits/split.py").write_text("# nothing\n")
    after = _commit(house, "a change")
    code, err = said(capsys, "-C", str(house), "classify", "--base", broken, "--head", after, "--static-only")
    assert code == 2
    assert name in err
    assert "hint:" in err


def test_an_empty_policy_directory_decides_nothing(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (house / "review_policies").glob("*"):
        path.unlink()
    empty = _commit(house, "no policy")
    code, err = said(capsys, "-C", str(house), "classify", "--base", empty, "--head", empty, "--static-only")
    assert code == 2
    assert "review_policies" in err


def test_a_key_that_is_not_there(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = said(capsys, "-C", str(house), "review", "approve", "abcdef123456", "--key", str(house.parent / "none"))
    assert code == 2
    assert "hint:" in err


def test_a_corrupt_session_line_is_named_and_nothing_is_overwritten(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from workbench.sessions.events import Started
    from workbench.sessions.header import SessionHeader
    from workbench.sessions.writer import SessionWriter

    place = house / "sessions" / "2026-01-01-visits-aaaa"
    base = Repo.open(house).head()
    header = SessionHeader(id=place.name, use_case="visits", base=base, driver="playbook", created="2026-01-01T00:00:00+00:00")
    with SessionWriter.create(place, header) as writer:
        for _ in range(3):
            writer.append(Started(driver="playbook", base=base, use_case="visits"))
    events = place / "events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"playbook", b"claybook")
    events.write_bytes(b"".join(lines))
    before = events.read_bytes()
    for argv in (["replay", place.name], ["replay", place.name, "--check"], ["run", "--resume", place.name]):
        code, err = said(capsys, "-C", str(house), *argv)
        assert code == 1, argv
        assert "2" in err
        assert "hint:" in err
    assert events.read_bytes() == before
