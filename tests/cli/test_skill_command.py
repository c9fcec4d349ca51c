"""`workbench skill`, and the same through `scripts/run.py`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli.main import main
from workbench.repo import Repo
from workbench.sessions.events import event
from workbench.sessions.header import SessionHeader
from workbench.sessions.writer import SessionWriter
from workbench.settings import Settings
from workbench.skills import lock
from workbench.skills.discover import discover
from workbench.skills.run import SkillContext, run_skill
from workbench.testing import add_skills, make_workspace

REPOSITORY = Path(__file__).parents[2]
FRONT = '---\nname: count\ndescription: Counts.\nmetadata:\n  version: "1.0.0"\n---\n'
CODE = """
from pydantic import BaseModel, ConfigDict

class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")
    to: int = 1

class Output(BaseModel):
    ok: bool
    text: str

def run(context, input):
    context.say("counting\\x1b[2J")
    return Output(ok=input.to > 0, text=f"{context.use_case} \\x1b[31m {input.to}")
"""
TEST = "from skills.count.skill import Input\n\ndef test_it():\n    assert Input().to == {}\n"


@pytest.fixture
def root(tmp_path):
    root = make_workspace(tmp_path / "w")
    folder = root / "skills" / "count"
    (folder / "scripts").mkdir(parents=True)
    (root / "skills" / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "SKILL.md").write_text(FRONT)
    (folder / "skill.py").write_text(CODE)
    (folder / "test_skill.py").write_text(TEST.format(1))
    (folder / "scripts" / "run.py").write_text((REPOSITORY / "skills/audit/scripts/run.py").read_text())
    lock.write(root)
    return root


def skill(root, *words):
    return int(main(["-C", str(root), "skill", *words]))


def test_run_prints_the_output_as_json_and_exits_by_the_answer(root, capsys):
    assert skill(root, "run", "count", "--json", "--input", '{"to": 3}') == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"ok": True, "text": "visits \x1b[31m 3"}
    assert "\x1b" not in said.err and "count 1.0.0" in said.err
    assert skill(root, "run", "count", "--input", '{"to": 0}') == 1
    assert "\x1b" not in capsys.readouterr().out


def test_input_comes_from_a_file_or_standard_input(root, capsys, tmp_path, monkeypatch):
    (tmp_path / "in.json").write_text('{"to": 4}')
    assert skill(root, "run", "count", "--json", "--input", f"@{tmp_path / 'in.json'}") == 0
    assert json.loads(capsys.readouterr().out)["text"].endswith("4")
    (tmp_path / "stdin").write_text('{"to": 5}')
    with (tmp_path / "stdin").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert skill(root, "run", "count", "--json", "--input", "-") == 0
    assert json.loads(capsys.readouterr().out)["text"].endswith("5")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "count", "--input", "{"], "is not JSON"),
        (["run", "count", "--input", "[]"], "not a JSON object"),
        (["run", "count", "--input", "@/no/such/file"], "can't be read"),
        (["run", "count", "--input", '{"too": 1}'], "`too`"),
        (["run", "nothing"], "no skill `nothing`"),
        (["validate", "nothing"], "no skill `nothing`"),
        (["test", "nothing"], "no skill `nothing`"),
    ],
)
def test_bad_input_is_exit_2_with_one_sentence(root, capsys, words, says):
    assert skill(root, *words) == 2
    err = capsys.readouterr().err
    assert says in err and "hint:" in err and "Traceback" not in err


def test_a_use_case_has_to_be_named_where_there_are_several(root, capsys):
    (root / "pipelines" / "other").mkdir()
    (root / "pipelines" / "other" / "contract.toml").write_text("")
    assert skill(root, "run", "count") == 2
    assert "--use-case" in capsys.readouterr().err
    assert skill(root, "run", "count", "--use-case", "other", "--json") == 0


def test_changed_bytes_are_refused_listed_and_locked_again(root, capsys):
    (root / "skills" / "count" / "skill.py").write_text(CODE + "\n# edited\n")
    assert skill(root, "run", "count") == 1
    assert "skills.lock" in capsys.readouterr().err
    assert skill(root, "list", "--json") == 0
    (listed,) = json.loads(capsys.readouterr().out)["skills"]
    assert listed["locked"] is False and listed["version"] == "1.0.0"
    assert skill(root, "validate") == 1
    assert "differ" in capsys.readouterr().out
    assert skill(root, "lock", "--json") == 0
    assert json.loads(capsys.readouterr().out)["skills"]["count"]["tree"] == discover(root)["count"].tree_id
    assert skill(root, "lock") == 0
    assert "up to date" in capsys.readouterr().err
    assert skill(root, "run", "count") == 0
    assert skill(root, "validate", "count", "--json") == 0


def test_list_fits_a_terminal_of_80_columns(capsys):
    assert skill(REPOSITORY, "list") in (0, 2)
    for line in capsys.readouterr().out.splitlines():
        assert len(line) <= 80


@pytest.mark.slow
def test_a_skill_brings_its_own_tests(root, capsys):
    assert skill(root, "test", "count", "--json") == 0
    (root / "skills" / "count" / "test_skill.py").write_text(TEST.format(2))
    assert skill(root, "test") == 1
    assert "failed" in capsys.readouterr().out
    (root / "skills" / "count" / "test_skill.py").unlink()
    assert skill(root, "test", "count") == 1
    assert "no test_skill.py" in capsys.readouterr().out


def script(root, *words, stdin=""):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": str(root)}
    return subprocess.run(
        [sys.executable, str(root / "skills/count/scripts/run.py"), *words],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment,
        cwd=root.parent,
    )


def test_the_script_takes_json_and_gives_json(root):
    done = script(root, stdin='{"to": 7}')
    assert done.returncode == 0 and json.loads(done.stdout)["text"].endswith("7"), done.stderr
    assert script(root, "--input", '{"to": -1}', stdin="ignored").returncode == 1
    assert script(root, stdin="").returncode == 0, "nothing on standard input is the empty input"
    assert script(root, stdin="[").returncode == 2


def test_the_script_explains_itself(root):
    done = script(root, "--help")
    assert done.returncode == 0 and "--input" in done.stdout and "`count`" in done.stdout


def test_a_real_skill_runs_alone(tmp_path, capsys):
    root = add_skills(make_workspace(tmp_path), REPOSITORY / "skills", "build")
    assert skill(root, "run", "build", "--use-case", "visits", "--json") == 0
    output = json.loads(capsys.readouterr().out)
    assert output["ok"] and output["scores"]["mae"] > 0


def test_an_earlier_version_comes_back_from_git(root, capsys):
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=ana", "-c", "user.email=ana@a", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    path = root / "skills" / "count" / "skill.py"
    path.write_text(CODE.replace("{input.to}", "{input.to * 100}"))
    assert skill(root, "lock", "--json") == 0
    locked = json.loads(capsys.readouterr().out)["skills"]["count"]
    assert list(locked["versions"]) == ["1.0.0", "1.0.1"] and locked["version"] == "1.0.1"
    said = {}
    for name in ("count", "count@1.0.0", "count@1.0.1"):
        assert skill(root, "run", name, "--json") == 0
        said[name] = json.loads(capsys.readouterr().out)["text"][-3:]
    assert said == {"count": "100", "count@1.0.0": "m 1", "count@1.0.1": "100"}
    assert skill(root, "run", "count", "--version", "1.0.0", "--json") == 0
    assert skill(root, "run", "count@2.0.0") == 2
    assert "has no version 2.0.0" in capsys.readouterr().err


def test_the_present_version_is_held_against_recorded_steps(root, capsys):
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=ana", "-c", "user.email=ana@a", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    with Repo.open(root) as repo:
        head = repo.head()
        tree = repo.tree_of(head)
    header = SessionHeader(id="one", use_case="visits", base=head, driver="playbook", created="2026-11-20T09:00:00+00:00")
    writer = SessionWriter.create(root / "sessions" / "one", header)
    writer.append(event("started", driver="playbook", base=head, use_case="visits", tree=tree))
    for to in (1, 2):
        ran = run_skill(SkillContext(Settings(root=root), root, "visits"), "count", {"to": to})
        kept = [writer.blob(json.dumps(value)) for value in (ran.input, ran.output)]
        writer.append(
            event("skill", step=to, name="count", version=ran.version, tree=ran.tree_id, code=tree, ok=ran.ok,
                  input=kept[0], output=kept[1], seconds=1.0)
        )  # fmt: skip
    writer.close("released")
    assert skill(root, "test", "count", "--against", str(root / "sessions"), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["same"], found["different"], found["not_run"]) == (2, 0, 0)

    path = root / "skills" / "count" / "skill.py"
    path.write_text(CODE.replace("{input.to}", "{min(input.to, 1)}"))
    lock.write(root)
    assert skill(root, "test", "count", "--against", str(root / "sessions"), "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert [step["status"] for step in found["steps"]] == ["same", "different"]
    assert found["steps"][1]["pointer"] == "/output/text"
    assert (found["steps"][1]["recorded"][-1], found["steps"][1]["now"][-1]) == ("2", "1")
    assert skill(root, "test", "count", "--against", str(root / "sessions")) == 1
    assert "different" in capsys.readouterr().out
    assert skill(root, "test", "count", "--against", str(root / "skills")) == 2
    assert skill(root, "test", "count", "--against", str(root / "nowhere")) == 2


def test_a_look_at_the_test_by_hand_is_counted_once(root, capsys):
    add_skills(root, REPOSITORY / "skills", "evaluate")
    for _ in range(2):
        assert skill(root, "run", "evaluate", "--json") == 0
    shown = json.loads(capsys.readouterr().out.split("}\n{")[0] + "}")
    looks = [json.loads(line) for line in (root / ".workbench/touches/visits.jsonl").read_text().splitlines()]
    assert [look["by"] for look in looks] == ["workbench skill run evaluate"] and looks[0]["scores"] == shown["scores"]
