"""Whether the code of a model was accepted: it stands on the target branch, and the review ledger says how it got there.

A lineage claims sign-offs; here the claim is held against the record. Not here: whether the sign-offs themselves are valid,
which `review.apply` settled before it moved the branch, and `workbench verify` re-derives.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.release.lineage import Lineage
from workbench.repo import Repo
from workbench.review import ledger
from workbench.settings import Settings


@dataclass(frozen=True)
class Acceptance:
    """How the code tree was accepted, in words for the record; or, in `wrong`, why it doesn't count as accepted."""

    words: str = ""
    wrong: str = ""


def acceptance(settings: Settings, lineage: Lineage) -> Acceptance:
    """Looks up the code tree of `lineage` on the target branch and in the ledger. Raises Corrupt for a broken ledger."""
    with Repo.open(settings.root) as repo:
        ref = settings.loop.branch or repo.branch() or "HEAD"
        if ref != "HEAD" and not ref.startswith("refs/"):
            ref = f"refs/heads/{ref}"
        tip = repo.head() if ref == "HEAD" else repo.refs(ref).get(ref)
        if tip is None:
            return Acceptance(wrong=f"the branch {ref} doesn't exist")
        on_branch = {commit for commit in repo.chain(tip) if repo.commit_of(commit).tree == lineage.code_tree}
        if not on_branch:
            return Acceptance(wrong=f"its code tree {lineage.code_tree[:12]} isn't on {ref}: it was never accepted")
        entries = ledger.entries(repo)
    ended = {entry.began for entry in entries if isinstance(entry, ledger.Applied)}
    begun = [e for e in entries if isinstance(e, ledger.Applying) and e.seq in ended and e.commit in on_branch]
    on_record = {name for entry in begun for name in entry.signoffs}
    unknown = sorted(set(lineage.signoffs) - on_record)
    if unknown:
        return Acceptance(wrong=f"its sign-off {unknown[0]} isn't one under which this code was applied")
    if not begun:
        return Acceptance(f"committed to {ref} directly")
    return Acceptance(f"signed: {', '.join(begun[-1].signoffs)}" if begun[-1].signoffs else "allowed by policy")
