"""A workspace with two reviewers, and a risky change in its queue: what tests of review start from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.changesets import AGENT, NOW, edited, new_key, replaced, reviewer, workspace
from workbench.changes import Author, Change, classify
from workbench.policy import load_policy
from workbench.repo import Repo
from workbench.review import queue, signoff
from workbench.review.gates import GATES, GateEvidence

MAIN = "refs/heads/main"
SPLIT_EDIT = replaced("pipelines/sales/split.py", "GAP = 3", "GAP = 5")
MODEL_EDIT = replaced("pipelines/sales/model.py", "ROUNDS = 50", "ROUNDS = 60")


@dataclass
class Desk:
    """A repository, and the keys of its reviewers: ana (domain, lead) and bo (domain)."""

    repo: Repo
    ana: Path
    bo: Path
    stranger: Path

    def propose(self, edits: dict[str, str], *, author: Author = AGENT, note: bytes = b"") -> queue.QueuedChange:
        """Queues an edit of HEAD with a passing gate report."""
        return self.queued(edited(self.repo, edits, author=author), note=note)

    def queued(self, change: Change, *, note: bytes = b"") -> queue.QueuedChange:
        """Queues a change with a passing gate report."""
        found = classify(self.repo, change)
        policy = load_policy(self.repo, change.base)
        decision = policy.decide(found.risks, author=change.author, use_cases=found.use_cases, size=found.size)
        report = report_of(change.result)
        evidence = {GATES: report, **({"note.txt": note} if note else {})}
        return queue.propose(self.repo, change, found, decision, evidence, use_case="sales", session="s1", now=NOW)

    def approve(
        self, change: queue.QueuedChange, key: Path | None = None, *, now: datetime = NOW, role: str = "domain"
    ) -> signoff.SignOff:
        """Signs as ana, or whoever's key it is."""
        questions = queue.assess(self.repo, change).decision.requires.questions
        answers = [f"it is known two hours later ({question})" for question in questions]
        return signoff.sign(self.repo, change.id, verdict="approve", key=key or self.ana, role=role, answers=answers, now=now)


def report_of(tree: str, **failed: str) -> bytes:
    """An audit report on a tree in which every gate passed but those in `failed`."""
    import json

    gates = [{"name": name, "status": failed.get(name, "pass")} for name in ("features", "split", "fit", "schema", "metric")]
    return json.dumps({"format": 1, "tree": tree, "gates": gates, "findings": []}).encode()


def passed(change: queue.QueuedChange, **failed: str) -> GateEvidence:
    """Gate evidence on a change's result."""
    found = GateEvidence.from_report(report_of(change.change.result, **failed))
    assert found is not None
    return found


def desk(place: Path) -> Desk:
    """Sets up the desk in `place`; the keys lie outside the workspace."""
    keys = {name: place / "keys" / name for name in ("ana", "bo", "stranger")}
    public = {name: new_key(path) for name, path in keys.items()}
    reviewers = reviewer("ana", public["ana"], "domain", "lead") + reviewer("bo", public["bo"], "domain")
    return Desk(workspace(place / "ws", reviewers=reviewers), keys["ana"], keys["bo"], keys["stranger"])
