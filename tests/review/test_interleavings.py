"""Random interleavings of everything that can happen to a queue: nothing lands without a valid sign-off of exactly these bytes.

What may land is worked out here anew, from what was really signed, by whom and when, and not by asking the code under test.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.changesets import AGENT, FILES, NOW, OWNER, replaced
from tests.reviews import Desk, desk, passed, report_of
from workbench.changes import Author, Change, Measured, classify
from workbench.changes.measured import ClearedRisk
from workbench.errors import WorkbenchError
from workbench.policy import load_policy
from workbench.repo import FILE, Entry, Repo
from workbench.review import ledger, queue, signoff, sshsig
from workbench.review.apply import apply, recover
from workbench.review.gates import EFFECT, GATES, sha256

TARGET = "refs/heads/target"
METRICS = "pipelines/sales/metrics.py"
EDITS = {
    "split": replaced("pipelines/sales/split.py", "GAP = 3", "GAP = 5"),
    "other split": replaced("pipelines/sales/split.py", "GAP = 3", "GAP = 4"),
    "split and metric": {
        **replaced("pipelines/sales/split.py", "GAP = 3", "GAP = 5"), METRICS: FILES[METRICS].replace("mean", "max")
    },
    "model": replaced("pipelines/sales/model.py", "ROUNDS = 50", "ROUNDS = 60"),
    "words": {"README.md": "# other words\n"},
}  # fmt: skip
NEEDS = {"split": 1, "other split": 1, "split and metric": 2, "model": 0, "words": 0}
WEEK = timedelta(days=7)


class Killed(BaseException):
    """What the signal raises: nothing under test catches it."""


def _die(number: int, frame: FrameType | None) -> None:
    raise Killed


@dataclass
class Signed:
    """A verdict as it was really signed: on which bytes, with which evidence, when, and how often it was used."""

    who: str
    verdict: str
    digest: str
    evidence: dict[str, str]
    at: datetime
    used: int = 0


@dataclass
class Queued:
    """A change as it was proposed: its edit, and the branch's tree that it was made on."""

    edit: str
    change: Change
    evidence: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="interleavings-") as directory:
        yield Path(directory)


def machine(place: Path) -> type[RuleBasedStateMachine]:
    """The machine on one repository, whose refs are put back before each run."""
    here = desk(place)
    start = here.repo.head()
    people = {"ana": here.ana, "bo": here.bo}

    class Interleavings(RuleBasedStateMachine):
        changes: Bundle[str] = Bundle("changes")

        def __init__(self) -> None:
            super().__init__()
            _put_back(here.repo, start)
            self.repo = Repo.open(here.repo.root)
            self.desk = Desk(self.repo, here.ana, here.bo, here.stranger)
            self.now = NOW
            self.known: dict[str, Queued] = {}
            self.said: list[Signed] = []
            self.landed: dict[str, str] = {}
            self.elsewhere: set[str] = {start}
            self.rolled_back = False

        def teardown(self) -> None:
            self.repo.close()

        def later(self) -> datetime:
            self.now += timedelta(minutes=1)
            return self.now

        # --- proposing

        @rule(target=changes, edit=st.sampled_from(sorted(EDITS)), author=st.sampled_from(["agent", "ana"]), lies=st.booleans())
        def submit(self, edit: str, author: str, lies: bool) -> str:
            base = self.repo.tree_of(TARGET)
            contents = {path: text.encode() for path, text in EDITS[edit].items()}
            who = AGENT if author == "agent" else Author(name="x", email="ana@shop.example")
            change = Change(base=base, result=self.repo.write_tree(base, contents), author=who, title=edit)
            found = classify(self.repo, change)
            evidence = {GATES: report_of(change.result)}
            if lies:  # somebody else's word that running it showed nothing
                clears = [ClearedRisk(kind=r.kind, path=r.path, symbol=r.symbol, stage=r.stage, use_case=r.use_case, reason="")
                          for r in found.risks]  # fmt: skip
                evidence[EFFECT] = Measured(base=change.base, result=change.result, cleared=clears).content
            decision = queue.decided(load_policy(self.repo, base), change, found, None)
            queued = queue.propose(self.repo, change, found, decision, evidence, now=self.later())
            self.known[queued.id] = Queued(edit, change, queued.evidence)
            return queued.id

        @rule(change=changes, note=st.sampled_from([b"measured again", b"and again"]))
        def measure_again(self, change: str, note: bytes) -> None:
            known = self.known[change]
            queued = queue.get(self.repo, change)
            evidence = {**queue.evidence(self.repo, queued), "note.txt": note}
            made = queue.propose(self.repo, known.change, queued.classification, queued.decision, evidence, now=self.later())
            known.evidence = made.evidence

        # --- deciding

        @rule(change=changes, who=st.sampled_from(["ana", "bo", "stranger"]),
              verdict=st.sampled_from(["approve", "approve", "approve", "request-changes", "reject"]))  # fmt: skip
        def sign(self, change: str, who: str, verdict: signoff.Verdict) -> None:
            key = {**people, "stranger": here.stranger}[who]
            known, at = self.known[change], self.later()
            with contextlib.suppress(WorkbenchError):
                queued = queue.get(self.repo, change)
                questions = queue.assess(self.repo, queued).decision.requires.questions if verdict == "approve" else []
                signoff.sign(self.repo, change, verdict=verdict, key=key, role="domain", now=at,
                             answers=["known two hours later" for _ in questions])  # fmt: skip
                assert who in people and known.change.author.email != f"{who}@shop.example", "a stranger or the author signed"
                self.said.append(Signed(who, verdict, known.change.digest, known.evidence, at))

        @rule(days=st.sampled_from([1, 8]))
        def time_passes(self, days: int) -> None:
            self.now += timedelta(days=days)

        # --- tampering with what is shared

        @rule(change=changes, other=changes)
        def copy_sign_offs(self, change: str, other: str) -> None:
            for ref, commit in self.repo.refs(f"{signoff.PREFIX}{change}/").items():
                copy = f"{signoff.PREFIX}{other}/{ref.rpartition('/')[2]}"
                if copy not in self.repo.refs(copy):
                    self.repo.update_ref(copy, commit, None)

        @rule(change=changes, how=st.sampled_from(["other key", "edited", "other change"]))
        def forge_a_sign_off(self, change: str, how: str) -> None:
            known = self.known[change]
            with contextlib.suppress(WorkbenchError):
                assessment = queue.assess(self.repo, queue.get(self.repo, change))
                payload = signoff.Payload(
                    change=known.change.digest, base=known.change.base, result=known.change.result, author=known.change.author,
                    risks=assessment.classification.risk_digest, policy=assessment.policy.digest, evidence=known.evidence,
                    skills=queue.get(self.repo, change).skills, verdict="approve", comment="", reviewer="bo@shop.example",
                    role="domain", at=self.now, expires=self.now + WEEK, nonce="0" * 32,
                    answers=tuple(signoff.Answer(question=q, answer="so") for q in assessment.decision.requires.questions),
                )  # fmt: skip
                said = payload.canonical
                signature = sshsig.sign(said, here.stranger)
                if how != "other key":  # a real signature of bo's, on something else
                    real = [one for name in self.known for one in signoff.signoffs(self.repo, name)[0]]
                    signature = real[-1].signature if real else signature
                files = {"payload.json": said, "payload.json.sig": signature.encode()}
                tree = self.repo.tree_from({n: Entry(FILE, self.repo.store("blob", c)) for n, c in files.items()})
                made = self.repo.commit(tree, [], "forged", author=OWNER, at=self.now)
                ref = f"{signoff.PREFIX}{change}/{sha256(said).removeprefix('sha256:')[:16]}"
                self.repo.update_ref(ref, made, self.repo.refs(ref).get(ref))

        @rule(change=changes)
        def forge_the_queue(self, change: str) -> None:
            queued = queue.get(self.repo, change)
            harmless = {"classification": queued.classification.model_copy(update={"risks": []})}
            entries = dict(self.repo.children(self.repo.commit_of(queued.commit).tree))
            content = queued.model_copy(update=harmless).model_dump_json().encode()
            entries["change.json"] = Entry(FILE, self.repo.store("blob", content))
            made = self.repo.commit(self.repo.tree_from(entries), [queued.commit], "forged", author=OWNER, at=self.now)
            self.repo.update_ref(queue.PREFIX + change, made, queued.commit)

        @precondition(lambda self: ledger.head(self.repo) is not None)
        @rule()
        def roll_the_ledger_back(self) -> None:
            newest = ledger.head(self.repo)
            assert newest is not None
            parents = self.repo.commit_of(newest).parents
            self.repo.update_ref(ledger.REF, parents[0] if parents else None, newest)
            self.rolled_back = True

        # --- moving the branch

        @rule()
        def somebody_commits(self) -> None:
            tip = self.repo.refs(TARGET)[TARGET]
            tree = self.repo.write_tree(self.repo.commit_of(tip).tree, {"notes.md": str(self.now).encode()})
            made = self.repo.commit(tree, [tip], "by hand", author=OWNER, ref=TARGET, expect=tip, at=self.later())
            self.elsewhere.add(made)

        @rule()
        def branch_is_reset(self) -> None:
            self.repo.update_ref(TARGET, start, self.repo.refs(TARGET)[TARGET])

        @rule(change=changes, gates=st.sampled_from(["passed", "passed", "passed", "none", "failed"]))
        def put(self, change: str, gates: str) -> None:
            self._apply(change, gates, "")

        @rule(change=changes, at=st.sampled_from(["recorded", "moved", "followed", "finished"]))
        def put_and_be_killed(self, change: str, at: str) -> None:
            self._apply(change, "passed", at)

        @rule()
        def somebody_recovers(self) -> None:
            with contextlib.suppress(WorkbenchError):
                recover(self.repo, now=self.later())

        def _apply(self, change: str, gates: str, die_at: str) -> None:
            queued = queue.get(self.repo, change)
            found = {"passed": passed(queued), "none": None, "failed": passed(queued, split="fail", schema="fail")}[gates]

            def kill(step: str) -> None:
                if step == die_at:
                    os.kill(os.getpid(), signal.SIGUSR1)

            before = signal.signal(signal.SIGUSR1, _die)
            try:
                with contextlib.suppress(WorkbenchError, Killed):
                    done = apply(self.repo, change, target_ref=TARGET, gates=found, now=self.later(), progress=kill)
                    if not done.already:
                        assert gates == "passed" or self.known[change].edit == "words", "the gates did not pass"
            finally:
                signal.signal(signal.SIGUSR1, before)

        # --- what must hold

        @invariant()
        def what_landed_was_signed(self) -> None:
            tip = self.repo.refs(TARGET)[TARGET]
            for commit in self.repo.chain(tip):
                if commit in self.elsewhere or commit in self.landed:
                    continue
                self._may_land(commit)

        def _may_land(self, commit: str) -> None:
            found = self.repo.commit_of(commit)
            digest = next(line.partition(": ")[2] for line in found.message.splitlines() if line.startswith("Workbench-Change"))
            known = next(known for known in self.known.values() if known.change.digest == digest)
            assert (self.repo.commit_of(found.parents[0]).tree, found.tree) == (known.change.base, known.change.result)
            needed = NEEDS[known.edit]
            latest = {one.who: one for one in self.said if one.digest == digest and self._holds(one, known)}
            approvals = [one for one in latest.values() if one.verdict == "approve"]
            if needed:
                assert all(one.verdict == "approve" for one in latest.values()), "a reviewer objected"
                assert len(approvals) >= needed, f"{known.edit}: {len(approvals)} of {needed} approvals"
                assert self.rolled_back or all(one.used == 0 for one in approvals[:needed]), "an approval was used twice"
                for one in approvals:
                    one.used += 1
            self.landed[commit] = digest

        def _holds(self, one: Signed, known: Queued) -> bool:
            fresh = self.rolled_back or not one.used
            return one.evidence == known.evidence and self.now - one.at <= WEEK + timedelta(minutes=5) and fresh

    return Interleavings


def _put_back(repo: Repo, start: str) -> None:
    """The refs as they were at first, by git itself."""
    lines = [f"delete {ref}" for ref in [*repo.refs("refs/workbench/"), *repo.refs("refs/heads/")] if ref != "refs/heads/main"]
    text = "\n".join([*lines, f"create {TARGET} {start}" if TARGET not in repo.refs(TARGET) else ""]) + "\n"
    if TARGET in repo.refs(TARGET):
        text = text.replace(f"delete {TARGET}", f"update {TARGET} {start}")
    subprocess.run(["git", "-C", str(repo.root), "update-ref", "--stdin"], input=text.strip() + "\n", text=True, check=True)


def _run(place: Path, examples: int, steps: int) -> None:
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine(place), settings=chosen)


def test_some_interleavings(place: Path) -> None:
    _run(place / "few", 4, 8)


@pytest.mark.slow
def test_a_thousand_interleavings(place: Path) -> None:
    _run(place / "many", 1000, 14)


def test_the_oracle_itself_would_notice(place: Path) -> None:
    """A commit that claims to be applied and that nobody signed fails the invariant."""
    made = machine(place / "oracle")()
    name = made.submit("split", "agent", False)  # type: ignore[attr-defined]
    known = made.known[name].change  # type: ignore[attr-defined]
    repo: Repo = made.repo  # type: ignore[attr-defined]
    tip = repo.refs(TARGET)[TARGET]
    repo.commit(known.result, [tip], f"x\n\nWorkbench-Change: {known.digest}\n", author=OWNER, ref=TARGET, expect=tip, at=NOW)
    with pytest.raises(AssertionError, match="0 of 1"):
        made.what_landed_was_signed()  # type: ignore[attr-defined]
