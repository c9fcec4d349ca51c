"""Reads `review_policies/*.toml` from a tree, strictly, and runs the tests that the policy carries."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.changes import Author, Risk
from workbench.errors import PolicyError
from workbench.policy.decide import Decision, decide
from workbench.policy.reviewers import REVIEWERS, Reviewer, ReviewerFile, normal
from workbench.policy.rules import Case, Circumstances, Rule, RuleFile
from workbench.repo import DIRECTORY as TREE
from workbench.repo import Repo

DIRECTORY = "review_policies"
_M = TypeVar("_M", bound=BaseModel)


class Policy(BaseModel):
    """A valid policy: its rules passed the tests they carry. `digest` is over the files it was read from."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    rules: tuple[Rule, ...]
    reviewers: tuple[Reviewer, ...]
    digest: str

    def decide(
        self, risks: Sequence[Risk], *, author: Author, use_cases: Sequence[str] = (), size: int = 0,
        findings: Sequence[str] = (), undeliverable: Sequence[str] = (),
    ) -> Decision:  # fmt: skip
        """What a change with these risks needs. `findings` are rule ids of the audit, `size` changed lines."""
        around = Circumstances(author=author, use_cases=tuple(use_cases), size=size, findings=tuple(findings))
        return decide(self.rules, risks, around, digest=self.digest, undeliverable=undeliverable)

    def reviewer(self, identity: str) -> Reviewer | None:
        """The reviewer of that identity or name."""
        wanted = normal(identity)
        return next((r for r in self.reviewers if wanted in (normal(r.identity), normal(r.name))), None)

    def reviewer_of_key(self, blob: bytes) -> Reviewer | None:
        """The reviewer whose public key this is."""
        return next((reviewer for reviewer in self.reviewers if reviewer.blob == blob), None)


def load_policy(repo: Repo, tree: str) -> Policy:
    """The policy in `tree`: of a change, always its base tree.

    Raises PolicyError, naming file and key, where it is missing, empty, wrong, or fails one of its own tests.
    """
    folder = repo.entry(tree, DIRECTORY)
    if folder is None or folder.mode != TREE:
        raise PolicyError(
            f"{DIRECTORY}/ is missing; nothing is decided without a policy.", "commit one (`workbench init` writes it)"
        )
    files: dict[str, bytes] = {}
    for name, entry in repo.children(folder.id):
        if name.endswith(".toml"):
            if not entry.mode.startswith("100"):
                raise PolicyError(f"{DIRECTORY}/{name} is not a plain file.", "put the file itself there, not a link")
            files[name] = repo.blob(entry.id)
    return policy_from(files)


def policy_from(files: Mapping[str, bytes]) -> Policy:
    """A policy from file names and contents; see `load_policy`."""
    rules: list[tuple[str, Rule]] = []
    reviewers: tuple[Reviewer, ...] = ()
    for name in sorted(files):
        if name == REVIEWERS:
            reviewers = _validated(ReviewerFile, name, files[name]).reviewer
        else:
            rules += [(name, rule) for rule in _validated(RuleFile, name, files[name]).rule]
    if not rules:
        raise PolicyError(f"{DIRECTORY}/ holds no rule; nothing is decided by an empty policy.", "write at least one [[rule]]")
    names = [rule.name for _, rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise PolicyError(f"{DIRECTORY}/: two rules are called “{name}”.", "give each rule a name of its own")
    text = b"".join(f"{name}\0{hashlib.sha256(files[name]).hexdigest()}\n".encode() for name in sorted(files))
    digest = "sha256:" + hashlib.sha256(text).hexdigest()
    policy = Policy(rules=tuple(rule for _, rule in rules), reviewers=reviewers, digest=digest)
    for name, rule in rules:
        for number, case in enumerate(rule.case, 1):
            _check(policy, f"{DIRECTORY}/{name}: rule “{rule.name}”, case {number}", case)
    return policy


def _validated(model: type[_M], name: str, content: bytes) -> _M:
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{DIRECTORY}/{name} is not valid TOML: {error}.", "mend the file") from None
    try:
        return model.model_validate(table)
    except ValidationError as error:
        # A misspelt key explains a missing one, not the other way round.
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise PolicyError(f"{DIRECTORY}/{name}: {_where(table, first['loc'])}: {_said(first)}.", _hint(first)) from None


def _where(table: Mapping[str, Any], location: Sequence[int | str]) -> str:
    words = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location]
    text = "`" + "".join(words).lstrip(".") + "`"
    try:
        named = table[str(location[0])][location[1]]["name"]
    except (LookupError, TypeError):
        return text
    return f"{text} (“{named}”)"


def _said(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such key"
    return str(error["msg"]).removeprefix("Value error, ").rstrip(".")


def _hint(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "a misspelt key would silently ask for less; docs/review.md lists the keys"
    return "docs/review.md says what can stand there"


def _check(policy: Policy, where: str, case: Case) -> None:
    change = case.change
    author = Author(name=change.author, agent=change.author == "agent")
    risks = [
        Risk(kind=kind, path=path, stage=stage, use_case=use_case, reason="a policy's own test")
        for kind in change.kinds
        for path in change.paths or ("",)
        for stage in change.stages or (None,)
        for use_case in change.use_cases or (None,)
    ]
    found = policy.decide(risks, author=author, use_cases=change.use_cases, size=change.size, findings=change.findings)
    if found.decision != case.expect:
        why = "; ".join(found.reasons)
        raise PolicyError(
            f"{where} expects {case.expect}, but the policy decides {found.decision} ({why}).", "mend the rule or the case"
        )
