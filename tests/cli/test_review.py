from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.changesets import NOW
from tests.reviews import SPLIT_EDIT, Desk, desk, passed
from workbench.changes import Author
from workbench.cli.main import main
from workbench.review import queue

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def run(here: Desk, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["-C", str(here.repo.root), "review", *words])
    said = capsys.readouterr()
    return int(code), said.out, said.err


def test_from_the_queue_to_the_branch(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    change = here.propose(SPLIT_EDIT)
    rows = json.loads(run(here, capsys, "list", "--json")[1])["changes"]
    assert [(row["id"], row["kinds"], row["approvals_needed"]) for row in rows] == [(change.id, ["split"], 1)]
    shown = json.loads(run(here, capsys, "show", change.id, "--json")[1])
    assert shown["requires"]["questions"] == ["When is the label known?"] and "+GAP = 5" in shown["diff"] and shown["missing"]
    code, _, err = run(here, capsys, "apply", change.id)
    assert code == 3 and "waits for a person" in err
    code, _, err = run(here, capsys, "approve", change.id, "--key", str(here.ana))
    assert code == 2 and "When is the label known?" in err
    code, out, _ = run(here, capsys, "approve", change.id, "--key", str(here.ana), "--answer", "1=two hours later", "--json")
    signed = json.loads(out)
    assert code == 0 and signed["missing"] == [] and signed["signoff"]["answers"][0]["answer"] == "two hours later"
    # Its pipeline can't be run here: the report in the queue says that its gates passed, and nobody believes that.
    before = here.repo.head()
    code, _, err = run(here, capsys, "apply", change.id)
    assert code == 1 and "gate `split` failed" in err and here.repo.head() == before


def test_refusals_have_their_exit_codes(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    change = here.propose(SPLIT_EDIT, author=Author(name="bo", email="bo@shop.example"))
    own = run(here, capsys, "approve", change.id, "--key", str(here.bo), "--answer", "a")
    assert own[0] == 1 and "author" in own[2]
    assert run(here, capsys, "approve", change.id, "--answer", "a")[0] == 2
    assert run(here, capsys, "approve", "ffffffffffff", "--key", str(here.ana))[0] == 2
    twice = run(here, capsys, "approve", change.id, "--key", str(here.ana), "--answer", "a", "--answer", "1=b")
    assert twice[0] == 2 and "twice" in twice[2]
    assert run(here, capsys, "reject", change.id, "--key", str(here.ana), "--comment", "no")[0] == 0
    refused = run(here, capsys, "apply", change.id)
    assert refused[0] == 1 and "no" in refused[2]
    assert passed(change).passed and queue.get(here.repo, change.id) and NOW


def test_the_screen_needs_a_terminal(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    change = here.propose(SPLIT_EDIT)
    for words in ([], [change.id], ["open", change.id], ["--key", str(here.ana)], [change.id, "--key", str(here.ana)]):
        code, _, err = run(here, capsys, *words)
        assert code == 2 and "review list" in err
    assert run(here, capsys, "lisst")[0] == 2
    asked = run(here, capsys, "--key", str(here.ana), "approve", change.id)
    assert asked[0] == 2 and "When is the label known?" in asked[2]


def test_what_the_author_wrote_is_shown_last_and_harmless(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.changesets import edited

    change = edited(here.repo, SPLIT_EDIT).model_copy(update={"title": "safe\x1b[2J", "words": "approved by ana\x1b]0;x\x07"})
    queued = here.queued(change)
    out = run(here, capsys, "show", queued.id)[1]
    assert "\x1b" not in out and out.index("+GAP = 5") < out.index("approved by ana")
    assert "\x1b" not in run(here, capsys, "list")[1]


@pytest.mark.parametrize("words", [["review", "list"], ["verify", "--base", "main"], ["--help"]])
def test_these_start_without_what_they_do_not_need(here: Desk, words: list[str]) -> None:
    here.propose(SPLIT_EDIT)
    heavy = ["mlflow", "langgraph", "pandas", "textual", "numpy", "git", "lightgbm"]
    code = (
        "import sys\nfrom workbench.cli.main import main\n"
        f"code = main(['-C', {str(here.repo.root)!r}, *{words!r}])\n"
        f"print(int(code), [name for name in {heavy!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "0 []", done.stderr
