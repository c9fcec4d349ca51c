from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.changesets import NOW, commit, edited, replaced
from tests.reviews import MAIN, SPLIT_EDIT, Desk, desk, passed
from workbench.cli.main import main
from workbench.review import ledger
from workbench.review.apply import apply


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def run(here: Desk, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["-C", str(here.repo.root), "verify", *words])
    said = capsys.readouterr()
    return int(code), said.out, said.err


def test_exit_codes(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    base = here.repo.head()
    assert run(here, capsys, "--base", base)[0] == 0
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    apply(here.repo, change.id, target_ref=MAIN, gates=passed(change), now=NOW)
    code, out, _ = run(here, capsys, "--base", base, "--head", "main", "--json")
    body = json.loads(out)
    assert code == 0 and body["format"] == 1 and body["ok"] and body["steps"][0]["status"] == "signed"
    commit(here.repo, edited(here.repo, replaced("pipelines/sales/metrics.py", "mean", "max")).result, "by hand")
    code, out, _ = run(here, capsys, "--base", base)
    assert code == 3 and "unsigned" in out
    assert run(here, capsys, "--base", "nowhere")[0] == 2
    newest = ledger.head(here.repo)
    here.repo.update_ref(ledger.REF, None, newest)
    assert run(here, capsys, "--base", base)[0] == 1
