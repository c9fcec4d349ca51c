from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.reviews import SPLIT_EDIT, Desk, desk
from workbench.cli.main import main
from workbench.review import queue, seals


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def run(here: Desk, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["-C", str(here.repo.root), *words])
    said = capsys.readouterr()
    return int(code), said.out, said.err


def test_from_planting_to_the_report(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    here.propose(SPLIT_EDIT)
    code, out, _ = run(here, capsys, "drill", "sales", "--count", "1", "--seed", "7", "--static-only", "--json")
    assert code == 0 and json.loads(out) == {"format": 1, "use_case": "sales", "leaks": 1, "harmless": 1, "seed": 7}
    known = seals.Seals.read(here.repo)
    drills = [found for queued in queue.pending(here.repo) if (found := known.drill(queued.id)) is not None]
    assert sorted(drill.leak for drill in drills) == [False, True]
    before = [run(here, capsys, *words)[1] for words in (["review", "list", "--json"], ["review", "list"])]
    assert not any("drill" in text or "planted" in text for text in before)
    answers = [word for number in (1, 2, 3) for word in ("--answer", f"{number}=two hours later")]
    for drill in drills:
        shown = run(here, capsys, "review", "show", drill.change)[1]
        assert not any(word in shown for word in ("drill", "planted", drill.name))
        asked = len(json.loads(run(here, capsys, "review", "show", drill.change, "--json")[1])["requires"]["questions"])
        words = [drill.change, "--key", str(here.ana), *answers[: 2 * asked]]
        code, out, _ = run(here, capsys, "review", "approve", *words)
        assert code == 0 and "this was a drill" in out and drill.name in out
        assert "this was a drill" in run(here, capsys, "review", "show", drill.change)[1]
        code = run(here, capsys, "review", "apply", drill.change)[0]
        assert code in (1, 3) and here.repo.tree_of("main") == queue.get(here.repo, drill.change).change.base
    report = json.loads(run(here, capsys, "drill", "report", "--json")[1])
    assert report["overall"]["leaks"] == 1 and report["overall"]["catch_rate"] == 0.0 and report["overall"]["false_alarms"] == 0
    out = run(here, capsys, "drill", "report")[1]
    assert "ana@shop.example" in out and "0 of 1" in out and "2 verdicts; 0 drills wait" in out
    assert len(json.loads(run(here, capsys, "review", "list", "--json")[1])["changes"]) == 1


def test_refusals(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(here, capsys, "drill", "nothing", "--static-only")[0] == 2
    assert run(here, capsys, "drill", "sales", "--count", "0")[0] == 2
    assert run(here, capsys, "drill", "report", "--count", "2")[0] == 2
    contract = here.repo.root / "pipelines/sales/contract.toml"
    contract.write_text(contract.read_text() + "# more\n")
    code, _, err = run(here, capsys, "drill", "sales", "--static-only")
    assert code == 2 and "commit it first" in err and not here.repo.refs(seals.PREFIX)
    empty = json.loads(run(here, capsys, "drill", "report", "--json")[1])
    assert empty["decisions"] == [] and empty["overall"]["catch_rate"] is None
