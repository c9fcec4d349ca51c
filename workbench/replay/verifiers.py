"""One event held against what comes out today: one function a kind, and the recorded world that they look into."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.changes import Author, Change, Measured, classify, joined
from workbench.errors import ConfigError, Corrupt, UsageError, WorkbenchError
from workbench.loop import trees
from workbench.policy import load_policy
from workbench.replay.kept import Kept
from workbench.repo import Repo
from workbench.review import carry, queue, signoff
from workbench.sessions import events
from workbench.sessions.compare import Difference, first_difference
from workbench.sessions.events import Event
from workbench.sessions.header import SkillVersion
from workbench.sessions.reader import Session
from workbench.settings import Settings
from workbench.skills.discover import FOLDER, read_skill
from workbench.skills.run import LoadedSkill, SkillContext, execute, load

_FETCH = "fetch what it was recorded with: git fetch origin '+refs/workbench/*:refs/workbench/*', and its branches"


# How `signoff.valid` words a sign-off that held until its reviewer made another.
_SUPERSEDED = "its reviewer decided again later"


class Diverging(Exception):
    def __init__(self, difference: Difference, why: str = "") -> None:
        super().__init__(why)
        self.difference = difference
        self.why = why


class Skipped(Exception):
    """This event can't be re-executed, and says why."""


class Again:
    """One check: the recorded world, and what was re-executed so far (the same step twice runs once)."""

    def __init__(
        self, settings: Settings, session: Session, repo: Repo, scratch: Path, chosen: list[Event], kept: Kept | None
    ) -> None:  # fmt: skip
        self.settings, self.session, self.repo, self.chosen = settings, session, repo, chosen
        self._scratch, self._kept = scratch, kept
        self.cached = False
        self._loaded: dict[tuple[str, str], LoadedSkill] = {}
        self._outputs: dict[tuple[str, str, str, str], tuple[Any, bool]] = {}

    def json(self, blob: str) -> Any:
        """A blob's JSON value. Raises Corrupt."""
        try:
            return json.loads(self.session.blob(blob))
        except ValueError:
            raise Corrupt(f"blobs/{blob} of the session {self.session.header.id} is not JSON.", "look into the session") from None

    def output(self, name: str, version: str, skill_tree: str, code: str, input: dict[str, Any]) -> Any:
        """The output (JSON value) of exactly that skill on a checkout of that code; errors of its own diverge."""
        key = (name, skill_tree, code, json.dumps(input, sort_keys=True))
        known = self._outputs.get(key)
        if known is None:
            known = self._outputs[key] = self._answer(name, version, skill_tree, code, input)
        output, cached = known
        self.cached = self.cached or cached
        return output

    def _answer(self, name: str, version: str, skill_tree: str, code: str, input: dict[str, Any]) -> tuple[Any, bool]:
        """The output, and whether an earlier check here ran it."""
        use_case = self.session.header.use_case
        kept = self._kept.read(skill_tree, code, use_case, input) if self._kept else None
        if kept is not None:
            return kept, True
        loaded = self._skill(name, version, skill_tree)
        if loaded.skill.needs.effects:
            raise Skipped(f"{name} writes {', '.join(loaded.skill.needs.effects)}")
        root = trees.checkout(self.settings, self.there(code))
        context = SkillContext(self.settings, root, use_case, tree=code)
        try:
            output = execute(loaded, context, input).output
        except WorkbenchError as error:
            difference = Difference("/output", "an answer", f"{error.kind}: {error.message}")
            raise Diverging(difference, f"{name} ends in an error today") from None
        if self._kept:
            self._kept.write(skill_tree, code, use_case, input, output)
        return output, False

    def there(self, tree: str) -> str:
        """`tree`, if this clone has it. Raises UsageError."""
        try:
            self.repo.children(tree)
        except Corrupt:
            message = f"This clone lacks the tree {tree[:12]}, which the session {self.session.header.id} refers to."
            raise UsageError(
                message, "fetch it: git fetch origin '+refs/workbench/*:refs/workbench/*' and the branches"
            ) from None
        return tree

    def _skill(self, name: str, version: str, tree: str) -> LoadedSkill:
        key = (name, tree)
        if key not in self._loaded:
            present = self.settings.root / FOLDER / name
            found = ""
            try:
                skill = read_skill(present)
                found = f"{skill.version} ({skill.tree_id[:12]})"
                folder = present if skill.tree_id == tree else self._old_version(name, tree)
            except ConfigError:
                folder = self._old_version(name, tree)
            if folder is None:
                difference = Difference("/tree", f"{version} ({tree[:12]})", found or "(absent)")
                raise Diverging(difference, f"the recorded version of {name} is neither here nor in git")
            self._loaded[key] = load(folder, tree)
        return self._loaded[key]

    def _old_version(self, name: str, tree: str) -> Path | None:
        """The skill's folder as it was, from git's objects; None where this clone doesn't have them."""
        folder = self._scratch / tree / name
        if not folder.is_dir():
            try:
                self.repo.checkout(tree, folder)
            except Corrupt:
                return None
        return folder


def _expect(recorded: Any, replayed: Any, pointer: str, why: str = "") -> None:
    found = first_difference(recorded, replayed, pointer)
    if found is not None:
        raise Diverging(found, why)


# --- one function a kind -----------------------------------------------------------------------------------------------


def _skill(again: Again, event: events.SkillRan) -> None:
    recorded = again.json(event.output)
    if event.code is None:
        raise Skipped("it worked on no recorded code")
    output = again.output(event.name, event.version, event.tree, event.code, again.json(event.input))
    _expect(recorded, output, "/output", f"{event.name} {event.version} answers differently")


def _locked(again: Again, name: str) -> SkillVersion:
    """The version that the session worked with."""
    ran = [e for e in again.chosen if isinstance(e, events.SkillRan) and e.name == name]
    if ran:
        return SkillVersion(version=ran[-1].version, tree=ran[-1].tree)
    known = again.session.header.skills.get(name)
    if known is None:
        raise Skipped(f"the session doesn't say which version of {name} it worked with")
    return known


def _build(again: Again, event: events.Build) -> None:
    recorded = again.json(event.output)
    _expect(event.ok, recorded.get("ok") if isinstance(recorded, dict) else None, "/ok", "the event and its output disagree")
    skill = _locked(again, "build")
    output = again.output("build", skill.version, skill.tree, event.tree, {})
    _expect(recorded, output, "/output", "the pipeline gives another result")


def _gate(again: Again, event: events.Gate) -> None:
    recorded = again.json(event.report)
    verdict = recorded.get("verdict") if isinstance(recorded, dict) else None
    _expect(event.verdict, verdict, "/verdict", "the event and its report disagree")
    skill = _locked(again, "audit")
    output = again.output("audit", skill.version, skill.tree, event.tree, _asked(again, event))
    _expect(recorded, output["report"], "/report", "the gates say something else")


def _asked(again: Again, event: events.Gate) -> dict[str, Any]:
    """What the audit was given: its recorded input holds how often the test had been looked at by then."""
    ran = [e for e in again.chosen if isinstance(e, events.SkillRan) and e.name == "audit" and e.seq < event.seq]
    inputs = [again.json(e.input) for e in ran if e.code == event.tree]
    same = [given for given in inputs if list(given.get("gates") or []) == list(event.gates)]
    return dict(same[-1]) if same else {"gates": list(event.gates)}


def _change(again: Again, event: events.ChangeMade) -> None:
    for tree in (event.base, event.result):
        again.there(tree)
    _expect(event.digest, _digest(event.base, event.result), "/digest", "the digest isn't that of the two trees")


def _classified(again: Again, event: events.Classified) -> None:
    pair = (event.base, event.result) if event.base and event.result else _trees_of(again, event.digest)
    if pair is None:
        raise Skipped("the session doesn't name the two trees")
    base, result = again.there(str(pair[0])), again.there(str(pair[1]))
    change = Change(base=base, result=result, author=_author(event.author), title="")
    _expect(event.digest, change.digest, "/digest", "the digest isn't that of the two trees")
    found = classify(again.repo, change)
    if event.effect is not None:
        measured = Measured.read(again.session.blob(event.effect))
        if measured is None or not measured.is_about(change):
            why = "what running it showed is about another change"
            raise Diverging(Difference("/effect", [base, result], measured and [measured.base, measured.result]), why)
        found = joined(found, change, [], clearing=measured) if event.cleared else joined(found, change, [measured])
    risks = [risk.model_dump(mode="json") for risk in found.risks]
    _expect(event.risks, risks, "/risks", "the change is classified differently")
    decision = load_policy(again.repo, base).decide(
        found.risks,
        author=change.author,
        use_cases=found.use_cases,
        size=found.size,
        findings=event.findings,
        undeliverable=found.undeliverable,
    )
    _expect(event.decision, decision.decision, "/decision", "the policy of the base tree decides differently")
    if event.requires:
        _expect(event.requires, decision.requires.model_dump(mode="json"), "/requires", "the policy asks for something else")


def _queued(again: Again, event: events.Queued) -> None:
    found = _queue_entry(again, event.change)
    _expect(event.digest, found.digest, "/digest", "the queue holds another change under this id")
    for tree in (found.change.base, found.change.result):
        again.there(tree)


def _decided(again: Again, event: events.Decided) -> None:
    queued = _queue_entry(again, event.change)
    said = [e for e in again.chosen if isinstance(e, events.Queued) and e.change == event.change and e.seq < event.seq]
    if said:
        _expect(said[-1].digest, queued.digest, "/digest", "the sign-offs are on another change than the one that was queued")
    assessment = queue.assess(again.repo, queued)
    standing = signoff.valid(
        again.repo, queued, datetime.fromisoformat(event.at), assessment=assessment, spent=set(), rerun=carry.recorded(assessment)
    )
    reasons = dict(standing.invalid)
    wanted = "approvals" if event.verdict == "approve" else "objections"
    valid = {found.id for found in getattr(standing, wanted)} | {id_ for id_, why in reasons.items() if why == _SUPERSEDED}
    for index, recorded in enumerate(event.signoffs):
        if recorded not in valid:
            why = reasons.get(recorded, f"it is not among the {wanted} recorded in this clone")
            difference = Difference(f"/signoffs/{index}", recorded, f"(not valid: {why})")
            raise Diverging(difference, "a recorded sign-off doesn't verify on exactly these trees")
    if not event.signoffs:
        raise Diverging(Difference("/signoffs", [], sorted(valid)), "a decision of a person without a sign-off")


def _applied(again: Again, event: events.Applied) -> None:
    queued = _queue_entry(again, event.change)
    try:
        found = again.repo.commit_of(event.commit)
    except Corrupt:
        raise UsageError(f"This clone lacks the commit {event.commit[:12]}.", "fetch the branch that it is on") from None
    _expect(queued.change.result, found.tree, "/commit", "the commit doesn't hold the tree that was decided on")


VERIFIERS: dict[str, Callable[[Again, Any], None]] = {
    "skill": _skill,
    "build": _build,
    "gate": _gate,
    "change": _change,
    "classified": _classified,
    "queued": _queued,
    "decided": _decided,
    "applied": _applied,
}

EXECUTED = frozenset({"skill", "build", "gate"})


def _queue_entry(again: Again, change: str) -> queue.QueuedChange:
    try:
        return queue.get(again.repo, change)
    except UsageError:
        message = f"This clone lacks the queued change {change}, which the session refers to."
        raise UsageError(message, _FETCH) from None


def _digest(base: str, result: str) -> str:
    return Change(base=base, result=result, author=Author(name=""), title="").digest


def _trees_of(again: Again, digest: str) -> tuple[str, str] | None:
    """The two recorded trees that have this digest."""
    recorded: dict[str, None] = {}
    for event in again.session.events:
        for field in ("tree", "base", "result", "code"):
            value = getattr(event, field, None)
            if (isinstance(value, str) and not isinstance(event, events.SkillRan)) or (field == "code" and value):
                recorded[str(value)] = None
    pairs = itertools.permutations(recorded, 2)
    return next((pair for pair in pairs if _digest(*pair) == digest), None)


def _author(recorded: dict[str, Any]) -> Author:
    known = {key: value for key, value in recorded.items() if key in Author.model_fields}
    return Author.model_validate({"name": "", "agent": True, **known})
