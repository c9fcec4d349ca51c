"""`workbench policy test|explain`: does the policy keep its own promises, and why does a change need what it needs?"""

from __future__ import annotations

import argparse
from typing import Literal

from pydantic import BaseModel

from workbench.changes import Author, Change, classify
from workbench.cli.classify import tell_requirement
from workbench.cli.console import Console, shared_options
from workbench.errors import ExitCode, PolicyError
from workbench.policy import Decision, Policy, Requirement, load_policy
from workbench.policy.explain import Explanation, explained
from workbench.policy.load import DIRECTORY, policy_from
from workbench.policy.rules import Circumstances
from workbench.repo import Repo
from workbench.review import queue
from workbench.settings import Settings, load_settings
from workbench.visible import visible


class RuleRow(BaseModel):
    """One rule: what it asks for, and how many tests it carries."""

    name: str
    approvals: int
    roles: list[str]
    gates: list[str]
    cases: int


class PolicyReport(BaseModel):
    """The JSON of `policy test`: a policy that was read, all of whose tests passed."""

    format: Literal[1] = 1
    digest: str
    rules: list[RuleRow]
    reviewers: list[str]


class ExplainReport(BaseModel):
    """The JSON of `policy explain`."""

    format: Literal[1] = 1
    digest: str
    decision: Literal["allow", "review", "block"]
    rules: list[Explanation]
    built_in: list[str]
    requires: Requirement


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `policy`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    shared = shared_options()
    test = actions.add_parser("test", parents=[shared], help=f"read {DIRECTORY}/ as it lies here and run the tests it carries")
    test.add_argument("--at", metavar="REV", help="the policy of this commit, branch or tag instead")
    explain = actions.add_parser("explain", parents=[shared], help="rule by rule, why a change needs what it needs")
    explain.add_argument("change", metavar="CHANGE", help="a queued change's id, or BASE..HEAD")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Exit 0; 2 for a policy that can't be read or fails its own tests, or an unknown change."""
    settings = load_settings(args.directory)
    if args.action == "test":
        return _test(settings, args.at, console)
    with Repo.open(settings.root) as repo:
        return _explain(repo, args.change, console)


def _test(settings: Settings, at: str | None, console: Console) -> ExitCode:
    if at:
        with Repo.open(settings.root) as repo:
            policy = load_policy(repo, repo.commit_of(repo.resolve(at)).tree)
    else:
        policy = _as_it_lies(settings)
    rules = [
        RuleRow(
            name=rule.name, approvals=rule.require.approvals, roles=list(rule.require.roles), gates=list(rule.require.gates),
            cases=len(rule.case),
        )
        for rule in policy.rules
    ]  # fmt: skip
    if console.json:
        console.model(PolicyReport(digest=policy.digest, rules=rules, reviewers=[each.identity for each in policy.reviewers]))
        return ExitCode.OK
    for rule in rules:
        asked = f"{rule.approvals} approval(s)" if rule.approvals else "nobody"
        roles = f" by {' or '.join(map(visible, rule.roles))}" if rule.roles else ""
        tests = f"{rule.cases} test(s) passed" if rule.cases else "carries no test"
        console.data(f"  rule  {visible(rule.name)}: asks {asked}{roles}; {tests}")
    cases = sum(rule.cases for rule in rules)
    console.say(f"{len(rules)} rules, {cases} tests passed, {len(policy.reviewers)} reviewers")
    return ExitCode.OK


def _as_it_lies(settings: Settings) -> Policy:
    folder = settings.root / DIRECTORY
    if not folder.is_dir() or folder.is_symlink():
        raise PolicyError(f"{DIRECTORY}/ is missing; nothing is decided without a policy.", "`workbench init` writes one")
    files = {}
    for path in folder.glob("*.toml"):
        if path.is_symlink() or not path.is_file():
            raise PolicyError(f"{DIRECTORY}/{path.name} is not a plain file.", "put the file itself there, not a link")
        files[path.name] = path.read_bytes()
    return policy_from(files)


def _explain(repo: Repo, name: str, console: Console) -> ExitCode:
    if ".." in name:
        base, _, head = name.partition("..")
        commit = repo.commit_of(repo.resolve(head))
        author = Author(name=commit.author.name, email=commit.author.email)
        change = Change(base=repo.commit_of(repo.resolve(base)).tree, result=commit.tree, author=author, title="")
        found, policy = classify(repo, change), load_policy(repo, change.base)
        decision = policy.decide(
            found.risks, author=author, use_cases=found.use_cases, size=found.size, undeliverable=found.undeliverable
        )  # fmt: skip
        findings: list[str] = []
    else:
        queued = queue.get(repo, name)
        assessment = queue.assess(repo, queued)
        change, author = queued.change, queued.change.author
        found, policy, decision = assessment.classification, assessment.policy, assessment.decision
        findings = assessment.gates.findings if assessment.gates else []
    around = Circumstances(author=author, use_cases=tuple(found.use_cases), size=found.size, findings=tuple(findings))
    _told(explained(policy.rules, found.risks, around), decision, change.digest, console)
    return ExitCode.OK


def _told(rules: list[Explanation], decision: Decision, digest: str, console: Console) -> None:
    built_in = [f"{rule.name}: {rule.why}" for rule in decision.rules if rule.name.startswith("built-in: ")]
    if console.json:
        console.model(
            ExplainReport(digest=digest, decision=decision.decision, rules=rules, built_in=built_in, requires=decision.requires)
        )
        return
    console.data(f"decision: {decision.decision}")
    for rule in rules:
        sign = "applies" if rule.applies else "skipped"
        console.data(f"  {sign}  {visible(rule.name)}: {visible(rule.why, limit=300)}")
        for risk in rule.risks[:5]:
            console.data(f"           {visible(risk, limit=200)}")
        if len(rule.risks) > 5:
            console.data(f"           and {len(rule.risks) - 5} more")
    for line in built_in:
        console.data(f"  applies  {visible(line)}")
    tell_requirement(console, decision.requires)
