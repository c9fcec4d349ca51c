"""`workbench review propose`: puts the change between two revisions into the queue; people decide on it there."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.changes import Author, Change, classify, joined, measure
from workbench.cli.console import Console
from workbench.errors import ExitCode, Refusal, UsageError
from workbench.policy import load_policy
from workbench.review import queue
from workbench.review.gates import EFFECT

if TYPE_CHECKING:
    from workbench.repo import Repo
    from workbench.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `review propose`."""
    parser.add_argument("--base", required=True, metavar="REV", help="what it is to be applied to; its policy decides")
    parser.add_argument("--head", required=True, metavar="REV", help="commit id, branch or tag with the change")
    parser.add_argument("--title", required=True, metavar="TEXT", help="what it does, in one line")
    parser.add_argument("--use-case", default="", metavar="NAME", help="the use case it is about")
    parser.add_argument("--by-hand", action="store_true", help="a person made it (default: an agent)")


def propose(repo: Repo, settings: Settings, args: argparse.Namespace, console: Console) -> ExitCode:
    """Classifies by reading and by running, and queues: exit 3 where it waits for people, 0 where nobody is asked, 1 if blocked.

    Raises UsageError for a bad title or where there is no difference, Refusal for a change that the policy blocks.
    """
    if not args.title.strip() or len(args.title) > 200 or not args.title.isprintable():
        raise UsageError("The title has to be one printable line of at most 200 characters.", "say shortly what it does")
    base, head = repo.commit_of(repo.resolve(args.base)), repo.commit_of(repo.resolve(args.head))
    if base.tree == head.tree:
        raise UsageError("Base and head are the same.", "give the revision with the change as --head")
    author = Author(name=head.author.name, email=head.author.email, agent=not args.by_hand)
    change = Change(base=base.tree, result=head.tree, author=author, title=args.title.strip())
    found = classify(repo, change)
    policy = load_policy(repo, base.tree)
    if queue.decided(policy, change, found, None).decision == "block":
        raise Refusal("The policy blocks this change, so it can't wait for a sign-off.", "see `workbench classify`")
    console.say("running base and result side by side …")
    measured = measure(settings, repo, change, found, progress=lambda text: console.say(f"  … {text}"))
    found = joined(found, change, [measured])
    decision = queue.decided(policy, change, found, None)
    if decision.decision == "block":
        raise Refusal("The policy blocks this change, so it can't wait for a sign-off.", "see `workbench classify`")
    queued = queue.propose(repo, change, found, decision, {EFFECT: measured.content}, use_case=args.use_case)
    shown = {"format": 1, "id": queued.id, "digest": queued.digest, "decision": decision.decision, "kinds": list(found.kinds)}
    if console.json:
        import json

        console.data(json.dumps(shown, indent=2))
    else:
        console.data(f"{queued.id}  {decision.decision}: {', '.join(found.kinds) or 'no risk'}")
    console.say(f"`workbench review show {queued.id}` shows it")
    return ExitCode.WAITING if decision.decision == "review" else ExitCode.OK
