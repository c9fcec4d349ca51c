"""Re-verifying a session: everything deterministic again, from the recorded trees; the first difference is named."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from workbench.changes import Author, Change, classify, file_diffs
from workbench.cli.main import main
from workbench.errors import Corrupt, UsageError
from workbench.loop import trees
from workbench.policy import load_policy
from workbench.replay import check
from workbench.repo import Identity, Repo
from workbench.sessions.events import event
from workbench.sessions.header import SessionHeader, SkillVersion
from workbench.sessions.reader import read_session
from workbench.sessions.writer import SessionWriter
from workbench.settings import Settings, load_settings
from workbench.skills import lock
from workbench.skills.discover import read_skill
from workbench.skills.run import SkillContext, run_skill
from workbench.testing import add_skills, make_workspace, ticking_clock

REPOSITORY = Path(__file__).parents[1]
POLICY = """\
[[rule]]
name = "splits are decided by someone who knows"
when.kinds = ["split"]
require.approvals = 1
"""
SPLIT = "pipelines/visits/split.py"
MAIN = "refs/heads/main"
AUTHOR = Author(name="playbook", email="playbook@agent.invalid", agent=True)


@dataclass
class Recorded:
    """A recorded session in a workspace of its own."""

    settings: Settings
    directory: Path
    base: str
    result: str

    def check(self, **given):
        return check(self.settings, read_session(self.directory), **{"loop": False, **given})


class Recorder:
    """Records real runs of real skills, as the loop does."""

    def __init__(self, root: Path, name: str) -> None:
        self.settings = load_settings(root, {})
        self.repo = Repo.open(root)
        head = self.repo.head()
        skills = {name: SkillVersion(version=e.version, tree=e.tree) for name, e in lock.read(root).items()}
        header = SessionHeader(
            id=name, use_case="visits", base=head, driver="playbook", created="2026-11-20T09:00:00+00:00", skills=skills
        )
        self.writer = SessionWriter.create(root / "sessions" / name, header, clock=ticking_clock())
        self.writer.append(event("started", driver="playbook", base=head, use_case="visits", tree=self.repo.tree_of(head)))

    def blob(self, value) -> str:
        return self.writer.blob(json.dumps(value, sort_keys=True))

    def skill(self, name: str, tree: str, given=None, step: int = 1):
        root = trees.checkout(self.settings, tree)
        ran = run_skill(SkillContext(self.settings, root, "visits", tree=tree), name, given or {})
        self.writer.append(
            event("skill", step=step, name=name, version=ran.version, tree=ran.tree_id, code=tree, ok=ran.ok,
                  input=self.blob(ran.input), output=self.blob(ran.output), seconds=ran.seconds)
        )  # fmt: skip
        return ran.output

    def build(self, tree: str, step: int = 1) -> None:
        output = self.skill("build", tree, step=step)
        error, blob = (output["error"] or {}).get("message", ""), self.blob(output)
        self.writer.append(
            event("build", step=step, ok=output["ok"], tree=tree, output=blob, scores=output["scores"], error=error)
        )

    def gate(self, tree: str, step: int = 2) -> None:
        report = self.skill("audit", tree, {"gates": ["split"]}, step=step)["report"]
        self.writer.append(
            event("gate", step=step, node="gate", tree=tree, verdict=report["verdict"], report=self.blob(report), gates=["split"])
        )

    def change(self, base: str, result: str, step: int = 3) -> None:
        change = Change(base=base, result=result, author=AUTHOR, title="wider gap")
        diffs = [str(diff.path) for diff in file_diffs(self.repo, change)]
        author = AUTHOR.model_dump(mode="json")
        self.writer.append(
            event("change", step=step, base=base, result=result, digest=change.digest, author=author, diff=self.blob(diffs))
        )
        found = classify(self.repo, change)
        decision = load_policy(self.repo, base).decide(
            found.risks, author=AUTHOR, use_cases=found.use_cases, size=found.size, findings=[], undeliverable=found.undeliverable
        )
        self.writer.append(
            event("classified", step=step, digest=change.digest, author=author, decision=decision.decision,
                  risks=[risk.model_dump(mode="json") for risk in found.risks],
                  requires=decision.requires.model_dump(mode="json"))
        )  # fmt: skip


def git(root: Path, *words: str) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *words], cwd=root, env=environment, check=True, capture_output=True)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One session for all tests of this file: a build, a gate that fails, a changed split, a build of a broken tree."""
    root = make_workspace(tmp_path_factory.mktemp("replay") / "w", {SPLIT: ('pd.Timedelta("25h")', 'pd.Timedelta("1h")')})
    add_skills(root, REPOSITORY / "skills", "build", "audit")
    (root / "review_policies").mkdir()
    (root / "review_policies" / "splits.toml").write_text(POLICY)
    (root / ".gitignore").write_text(".workbench/\n__pycache__/\nsessions/\n")
    git(root, "init", "-q", "-b", "main")
    repo = Repo.open(root)
    base = repo.snapshot()
    repo.commit(base, [], "the start", author=Identity("Ana", "ana@shop.example"), ref=MAIN, expect=None)
    wider = (root / SPLIT).read_text().replace('start - pd.Timedelta("1h")', 'start - pd.Timedelta("25h")')
    result = repo.write_tree(base, {SPLIT: wider.encode()})
    gone = b"def fit(train):\n    raise ValueError('gone')\n\n\ndef predict(model, frame):\n    return []\n"
    broken = repo.write_tree(base, {"pipelines/visits/model.py": gone})
    recorder = Recorder(root, "s1")
    recorder.build(base)
    recorder.gate(base)
    recorder.change(base, result)
    recorder.build(broken, step=4)
    recorder.writer.append(event("message", by="ana", text="enough \x1b[2J for today", step=5))
    recorder.writer.close("waiting", "a person has to look")
    repo.close()
    (root / "trees.json").write_text(json.dumps([base, result]))
    return root


@pytest.fixture
def recorded(template: Path, tmp_path: Path) -> Iterator[Recorded]:
    root = tmp_path / "w"
    shutil.copytree(template, root, symlinks=True)
    base, result = json.loads((root / "trees.json").read_text())
    yield Recorded(load_settings(root, {}), root / "sessions" / "s1", base, result)


def rewritten(recorded: Recorded, kind: str, **fields) -> None:
    """The first event of that kind alone, with fields changed, and chained anew: a lie with a sound chain."""
    old = read_session(recorded.directory)
    shutil.move(recorded.directory, recorded.directory.with_name("old"))
    writer = SessionWriter.create(recorded.directory, old.header, clock=ticking_clock())
    for blob in (recorded.directory.with_name("old") / "blobs").iterdir():
        writer.blob(blob.read_bytes())
    one = next(e for e in old.events if e.kind == kind)
    given = {key: value(writer) if callable(value) else value for key, value in fields.items()}
    trees = {"base": recorded.base, "result": recorded.result} if kind == "classified" else {}
    writer.append(one.model_copy(update={**trees, **given}))
    writer.abandon()


def test_an_untouched_session_comes_out_the_same(recorded: Recorded) -> None:
    report = recorded.check()
    assert report.same and report.divergence is None
    assert [one.kind for one in report.checked] == ["skill", "build", "skill", "gate", "change", "classified", "skill", "build"]
    assert {one.status for one in report.checked} == {"same"}
    assert report.events == 11 and report.blobs >= 6
    assert [one.kind for one in recorded.check(to=2).checked] == ["skill", "build", "skill", "gate"]


def test_a_build_that_gave_another_number_diverges_at_that_number(recorded: Recorded) -> None:
    def better(writer):
        output = json.loads(read_session(recorded.directory.with_name("old")).blob(outputs[0]))
        output["scores"]["mae"] = 0.5
        return writer.blob(json.dumps(output))

    outputs = [e.output for e in read_session(recorded.directory).events if e.kind == "skill"]
    rewritten(recorded, "skill", output=better)
    report = recorded.check()
    assert not report.same and report.divergence is not None
    found = report.divergence
    assert (found.seq, found.kind, found.pointer, found.recorded) == (1, "skill", "/output/scores/mae", 0.5)
    assert isinstance(found.replayed, float) and found.replayed != 0.5


def test_what_a_check_ran_is_kept_said_so_and_believed_over_the_record(recorded: Recorded) -> None:
    assert recorded.check(to=1).cached == 0
    again = recorded.check(to=1)
    assert again.same and again.cached == 2 and all(one.cached for one in again.checked)

    def better(writer):
        old = read_session(recorded.directory.with_name("old"))
        output = json.loads(old.blob(next(e.output for e in old.events if e.kind == "skill")))
        output["scores"]["mae"] = 0.5
        return writer.blob(json.dumps(output))

    rewritten(recorded, "skill", output=better)
    found = recorded.check(to=1)
    assert not found.same and found.divergence is not None and found.divergence.pointer == "/output/scores/mae"
    (kept,) = (recorded.settings.state / "cache" / "replay").iterdir()
    kept.write_text(kept.read_text().replace('"ok": true', '"ok": false', 1))
    assert recorded.check(to=1).cached == 0, "an entry that isn't what was kept is run again"


@pytest.mark.parametrize(
    ("kind", "fields", "pointer"),
    [
        ("gate", {"verdict": "pass"}, "/verdict"),
        ("build", {"ok": False}, "/ok"),
        ("classified", {"decision": "allow"}, "/decision"),
        ("classified", {"risks": []}, "/risks/0"),
        ("change", {"digest": "sha256:" + "0" * 64}, "/digest"),
    ],
)
def test_a_lie_with_a_sound_chain_is_found(recorded: Recorded, kind: str, fields: dict, pointer: str) -> None:
    rewritten(recorded, kind, **fields)
    report = recorded.check()
    assert report.divergence is not None and (report.divergence.kind, report.divergence.pointer) == (kind, pointer)


def test_an_old_version_of_a_skill_is_taken_back_from_git(recorded: Recorded) -> None:
    skill = recorded.settings.root / "skills" / "build" / "skill.py"
    skill.write_text(skill.read_text() + "\nraise RuntimeError('the new version is broken')\n")
    assert recorded.check(to=1).same


def test_a_version_that_is_nowhere_is_named(recorded: Recorded) -> None:
    skill = recorded.settings.root / "skills" / "build" / "SKILL.md"
    rewritten(recorded, "skill", tree="9" * 40)
    version = read_skill(skill.parent).version
    skill.write_text(skill.read_text().replace(f'version: "{version}"', 'version: "9.9.9"'))
    found = recorded.check().divergence
    assert found is not None and found.pointer == "/tree"
    assert str(found.recorded).startswith(f"{version} (999999999999") and str(found.replayed).startswith("9.9.9 (")


def test_trees_that_this_clone_lacks_are_said_so(recorded: Recorded) -> None:
    rewritten(recorded, "skill", code="8" * 40)
    with pytest.raises(UsageError, match="lacks the tree 888888888888") as error:
        recorded.check()
    assert "refs/workbench" in error.value.hint


def test_a_broken_chain_or_blob_is_corrupt_before_anything_runs(recorded: Recorded) -> None:
    blob = next((recorded.directory / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes() + b" ")  # whichever it is: one of them is "{}" already
    with pytest.raises(Corrupt, match="isn't what its name says"):
        recorded.check()


def test_an_approval_that_nobody_signed_diverges(recorded: Recorded) -> None:
    from workbench.review import queue

    with Repo.open(recorded.settings.root) as repo:
        change = Change(base=recorded.base, result=recorded.result, author=AUTHOR, title="wider gap")
        found = classify(repo, change)
        decision = load_policy(repo, change.base).decide(
            found.risks, author=AUTHOR, use_cases=found.use_cases, size=found.size, findings=[]
        )
        queued = queue.propose(repo, change, found, decision, {}, use_case="visits", session="s1")
    directory = recorded.directory.with_name("s2")
    header = read_session(recorded.directory).header
    for signoffs, pointer in ((["0123456789abcdef"], "/signoffs/0"), ([], "/signoffs")):
        shutil.rmtree(directory, ignore_errors=True)
        with SessionWriter.create(directory, header, clock=ticking_clock()) as writer:
            writer.append(event("queued", change=queued.id, digest=queued.digest))
            writer.append(event("decided", change=queued.id, verdict="approve", reviewers=["ana"], signoffs=signoffs))
        report = check(recorded.settings, read_session(directory))
        assert [one.status for one in report.checked] == ["same", "diverged"]
        assert report.divergence is not None and report.divergence.pointer == pointer


# --- the command -----------------------------------------------------------------------------------------------------


def replay(recorded: Recorded, *words: str) -> int:
    return int(main(["-C", str(recorded.settings.root), "replay", *words]))


def test_the_command_shows_a_session_in_80_columns(recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(recorded, "s1") == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "\x1b" not in out and "enough \\x1b[2J for today" in out
    for part in (
        "session s1: waiting",
        "✗ build       failed",
        "✓ build       ok",
        "✗ gate        fail",
        "‖ ended       waiting",
    ):
        assert part in out
    assert replay(recorded, "s1", "--to", "1") == 0
    assert "gate" not in capsys.readouterr().out
    assert replay(recorded, "s1", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["outcome"] == "waiting" and len(shown["events"]) == 11


def test_the_command_checks_and_exits_4_where_it_diverges(recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(recorded, "s1", "--check", "--to", "1") == 0
    assert "✓ same" in capsys.readouterr().err
    rewritten(recorded, "gate", verdict="pass")
    assert replay(recorded, "s1", "--check", "--json") == 4
    said = capsys.readouterr()
    assert json.loads(said.out)["divergence"]["pointer"] == "/verdict"
    assert "recorded:" in said.err and "replayed:" in said.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["s1", "--fork", "30"], 2, "no step 30"),
        (["s1", "--to", "-1"], 2, "not a step"),
        (["nothing"], 2, "no session `nothing`"),
    ],
)
def test_what_cannot_be_done_is_said(recorded: Recorded, capsys, words, code, says) -> None:
    assert replay(recorded, *words) == code
    err = capsys.readouterr().err
    assert says in err and "hint:" in err


def test_a_corrupt_line_is_exit_1_and_named(recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    path = recorded.directory / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"{\n", *lines[2:]]))
    assert replay(recorded, "s1") == 1
    assert "events.jsonl:2" in capsys.readouterr().err
