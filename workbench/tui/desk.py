"""What the reviewer has before them, without a screen: the queue, the opened change, drafts, and whether S may sign.

Calls the same functions as the command line; of its own it keeps nothing but drafts. A change that can't be judged
is opened all the same and says why; it can't be signed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from workbench.changes import FileDiff, file_diffs
from workbench.errors import Corrupt, UsageError, WorkbenchError
from workbench.policy import Policy, Reviewer
from workbench.repo import Repo
from workbench.review import carry, index, queue, seals, signoff, sshsig
from workbench.review.index import Waiting
from workbench.review.queue import Assessment, QueuedChange
from workbench.review.signoff import SignOff, Standing, Verdict
from workbench.tui.drafts import Draft, Drafts

NO_KEY = "no key to sign with: start with --key FILE or WORKBENCH_KEY"


VERDICTS: dict[Verdict, str] = {
    "approve": "✓ approve", "request-changes": "↺ request changes", "reject": "✗ reject"
}  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """A change judged afresh. `error` says why it can't be; then there is no assessment."""

    queued: QueuedChange
    diffs: list[FileDiff] = field(default_factory=list)
    assessment: Assessment | None = None
    standing: Standing = field(default_factory=Standing)
    evidence: Mapping[str, bytes] = field(default_factory=dict)
    error: WorkbenchError | None = None

    @property
    def questions(self) -> list[str]:
        """What an approval has to answer."""
        return self.assessment.decision.requires.questions if self.assessment else []


class Desk:
    """The queue, the drafts, and the reviewer's key (a private key file, or None: drafts only)."""

    def __init__(
        self, repo: Repo, drafts: Path, *, key: Path | None, environment: Mapping[str, str] | None = None,
        state: Path | None = None,
    ) -> None:  # fmt: skip
        self._repo = repo
        self.root = repo.root
        self.state_place = state or drafts.parent
        """The workspace's state directory."""
        self._index = self.state_place / "cache" / "queue.sqlite"
        self._key = key.expanduser() if key else None
        self._environment = dict(environment or {})
        self._blob: bytes | None = None
        self._key_problem = self._read_key()
        self.drafts = Drafts(drafts)
        self.changes: list[Waiting] = []
        """A line of each change; a change itself is read when it is opened."""
        self.by_id: dict[str, Waiting] = {}
        self.signed: Counter[str] = Counter()
        """Sign-offs recorded per change id, not judged."""
        self.problems: list[WorkbenchError] = []

    def _read_key(self) -> str:
        if self._key is None:
            return NO_KEY
        if not self._key.is_file():
            return f"the key {self._key} is not there: give your own with --key FILE or WORKBENCH_KEY"
        try:
            self._blob = sshsig.public_blob(self._key)
        except UsageError as error:
            return f"{error.message} {error.hint}"
        return ""

    def reload(self) -> None:
        """Reads the queue; what can't be read is in `problems`, and the rest is there all the same."""
        unreadable: list[Corrupt] = []
        try:
            self.changes = index.waiting(self._repo, self._index, unreadable=unreadable)
            self.by_id = {queued.id: queued for queued in self.changes}
            self.signed = Counter(ref.removeprefix(signoff.PREFIX).partition("/")[0] for ref in self._repo.refs(signoff.PREFIX))
            self.problems = list(unreadable)
            self.drafts.prune(self.changes)
        except WorkbenchError as error:
            self.problems = [*unreadable, error]

    def open(self, waiting: Waiting) -> Opened:
        """Diff, risks, policy and sign-offs of a change, from its trees. Raises Corrupt where it can't even be read."""
        (queued,) = queue.read(self._repo, {waiting.id: waiting.commit})
        if isinstance(queued, Corrupt):
            raise queued
        diffs: list[FileDiff] = []
        try:
            diffs = file_diffs(self._repo, queued.change)
            assessment = queue.assess(self._repo, queued)
            standing = signoff.valid(
                self._repo, queued, datetime.now(UTC), assessment=assessment, rerun=carry.recorded(assessment)
            )
            return Opened(queued, diffs, assessment, standing, queue.evidence(self._repo, queued))
        except WorkbenchError as error:
            return Opened(queued, diffs, error=error)

    def contents(self, opened: Opened, path: str) -> tuple[bytes | None, bytes | None]:
        """The bytes of a file before and after a change, None where it is no file."""
        change = opened.queued.change
        diff = next((found for found in opened.diffs if found.path == path), None)
        before = diff.old_path if diff is not None and diff.old_path else path
        return self._repo.read_blob(change.base, before), self._repo.read_blob(change.result, path)

    def draft(self, queued: QueuedChange, verdict: Verdict) -> None:
        """Drafts a verdict; answers and comment of an earlier draft on the change are kept."""
        before = self.drafts.get(queued.id) or Draft(verdict=verdict, commit=queued.commit)
        self.drafts.put(queued.id, before.model_copy(update={"verdict": verdict, "commit": queued.commit}))

    def answer(self, queued: QueuedChange, questions: Sequence[str], answers: Sequence[str]) -> None:
        """Puts answers into the draft."""
        given = dict(zip(questions, answers, strict=True))
        self.drafts.put(queued.id, self.drafts[queued.id].model_copy(update={"answers": given}))

    def comment(self, queued: QueuedChange, text: str) -> None:
        """Puts a comment into the draft."""
        self.drafts.put(queued.id, self.drafts[queued.id].model_copy(update={"comment": text}))

    def unanswered(self, opened: Opened) -> list[str]:
        """Questions that the draft doesn't answer yet."""
        draft = self.drafts.get(opened.queued.id)
        return [question for question in opened.questions if not (draft and draft.answers.get(question, "").strip())]

    def obstacle(self, opened: Opened | None, unseen: int) -> str:
        """Why S can't sign, in words for the reviewer; empty when it can. `unseen`: parts of the diff not on screen yet."""
        draft = self.drafts.get(opened.queued.id) if opened else None
        if opened is None or draft is None:
            return "nothing is drafted: a approve, r request changes, x reject"
        if opened.assessment is None:
            return "S rests: this change can't be judged; the evidence says why"
        wrong = self._key_problem or self._not_mine(opened, opened.assessment.policy)
        if wrong:
            return f"S rests: {wrong}"
        if draft.verdict == "approve" and unseen:
            return f"S rests: {unseen} part{'s' if unseen > 1 else ''} of the diff not seen yet; ] and ^d go on"
        unanswered = len(self.unanswered(opened)) if draft.verdict == "approve" else 0
        if unanswered:
            return f"S rests: {unanswered} question{'s' if unanswered > 1 else ''} to answer; a asks"
        return ""

    def state(self, opened: Opened, unseen: int) -> str:
        """The draft and what it still lacks, in a line."""
        draft = self.drafts.get(opened.queued.id)
        ready = self.obstacle(opened, unseen) or "S signs"
        return f"draft: {VERDICTS[draft.verdict]} · {ready}" if draft else ready

    def _not_mine(self, opened: Opened, policy: Policy) -> str:
        reviewer = self.reviewer(policy)
        if reviewer is None:
            return "your key is not that of a reviewer in this policy"
        return signoff.own_change(opened.queued.change.author, reviewer, policy)

    def reviewer(self, policy: Policy) -> Reviewer | None:
        """Who holds the key, by this policy."""
        return policy.reviewer_of_key(self._blob) if self._blob else None

    def identity(self, opened: Opened) -> str:
        """Who would sign, in words."""
        found = self.reviewer(opened.assessment.policy) if opened.assessment else None
        return f"{found.name} <{found.identity}>" if found else "nobody"

    def drill(self, queued: QueuedChange) -> str:
        """What the drill was, where the change is one that was decided on; else nothing."""
        drill = seals.decided(self._repo, [queued.id]).get(queued.id)
        return drill.words if drill else ""

    def sign(self, opened: Opened, *, interactive: bool = False) -> SignOff:
        """Signs the draft on exactly what was opened. Raises WorkbenchError; then nothing is recorded, and the draft is kept."""
        draft = self.drafts[opened.queued.id]
        if self._key is None or self.obstacle(opened, 0):
            raise UsageError("This draft can't be signed.", self.obstacle(opened, 0))
        answers = [draft.answers.get(question, "") for question in opened.questions] if draft.verdict == "approve" else []
        return signoff.sign(
            self._repo, opened.queued.id, verdict=draft.verdict, key=self._key, answers=answers, comment=draft.comment,
            seen=opened.queued.commit, environment=self._environment, interactive=interactive,
        )  # fmt: skip
