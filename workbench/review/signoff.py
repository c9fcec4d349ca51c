"""Sign-offs: a reviewer's recorded verdict on exactly these bytes, signed with their SSH key; made, read and judged here.

A sign-off covers both trees, the risk set, the policy, the evidence, the skills, the answers, who, in which role, when and
until when. If any of it is different, it is stale. It is spent by `apply`, once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.changes import Author
from workbench.errors import Refusal, UsageError
from workbench.policy import Decision, Policy, Reviewer
from workbench.policy.reviewers import key_blob, normal
from workbench.repo import FILE, Entry, Identity, Repo
from workbench.review import carry, ledger, queue, seals, sshsig
from workbench.review.carry import Carry, Rerun
from workbench.review.gates import sha256
from workbench.review.queue import Assessment, QueuedChange

PREFIX = seals.SIGNOFFS
Verdict = Literal["approve", "request-changes", "reject"]
_PAYLOAD, _SIGNATURE = "payload.json", "payload.json.sig"
MEASURED_AGAIN = "gates and effect are measured again when it is applied"
_CLOCK_SKEW = timedelta(minutes=10)


class Answer(BaseModel):
    """A rule's question and what the reviewer answered, in their own words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    answer: str


class Payload(BaseModel):
    """What is signed, as canonical JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    change: str
    base: str
    result: str
    author: Author
    risks: str
    policy: str
    evidence: dict[str, str]
    skills: dict[str, str]
    answers: tuple[Answer, ...]
    verdict: Verdict
    comment: str
    reviewer: str
    role: str
    at: datetime
    expires: datetime
    nonce: str

    @property
    def canonical(self) -> bytes:
        """The bytes that are signed: sorted keys, no spaces, ASCII."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


class SignOff(BaseModel):
    """A recorded verdict. `id` is the beginning of the payload's SHA-256; `commit` is where it lies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    payload: Payload
    signature: str
    commit: str


@dataclass(frozen=True)
class Standing:
    """What the sign-offs on a change amount to at one moment."""

    approvals: list[SignOff] = field(default_factory=list)
    objections: list[SignOff] = field(default_factory=list)
    """Valid `reject` and `request-changes` that their reviewer has not replaced by a later verdict."""
    invalid: list[tuple[str, str]] = field(default_factory=list)
    """(id, why) of each sign-off that doesn't count."""
    carried: dict[str, str] = field(default_factory=dict)
    """Ids of those that count and were made on an earlier form of the change → the digest of that form."""
    since: list[str] = field(default_factory=list)
    """What differs since somebody approved an earlier form, where that doesn't carry over: `what differs since ana signed: …`."""


def sign(
    repo: Repo, name: str, *, verdict: Verdict, key: Path, role: str | None = None, answers: Sequence[str] = (),
    comment: str = "", seen: str | None = None, now: datetime | None = None,
    environment: Mapping[str, str] | None = None, interactive: bool = False,
) -> SignOff:  # fmt: skip
    """Records a verdict on the queued change `name`, signed with the private key file `key`.

    `answers` are in the order of the questions the policy asks; `seen` is the queue commit that the reviewer looked at, where
    time has passed since. Raises UsageError (questions unanswered, key unusable) and
    Refusal (not a reviewer, the author's own change, already applied); then nothing is recorded.
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    queued = queue.get(repo, name)
    if queued.commit in ledger.applied_queue_commits(ledger.entries(repo)):
        raise Refusal(f"Change {queued.id} is already applied.", "nothing is left to decide")
    if drill := seals.decided(repo, [queued.id]).get(queued.id):
        raise Refusal(f"Change {queued.id} was decided on: {drill.words}.", "nothing is left to decide; a drill counts once")
    if seen is not None and seen != queued.commit:
        raise Refusal(f"Change {queued.id} was proposed anew, with other evidence, since you looked.", "look at it again")
    assessment = queue.assess(repo, queued)
    reviewer = _reviewer(repo, assessment.policy, key)
    wrong = own_change(queued.change.author, reviewer, assessment.policy)
    if wrong:
        raise Refusal(wrong, "someone else has to review it")
    questions = assessment.decision.requires.questions
    if verdict == "approve":
        _complete(questions, answers)
    elif len(answers) > len(questions):
        raise _too_many(answers, questions)
    payload = Payload(
        change=queued.digest, base=queued.change.base, result=queued.change.result, author=queued.change.author,
        risks=assessment.classification.risk_digest, policy=assessment.policy.digest,
        evidence=queued.evidence, skills=queued.skills,
        answers=tuple(Answer(question=q, answer=a.strip()) for q, a in zip(questions, answers, strict=False)),
        verdict=verdict, comment=comment, reviewer=reviewer.identity, role=_role(reviewer, role, assessment.decision),
        at=now, expires=now + assessment.decision.expires, nonce=secrets.token_hex(16),
    )  # fmt: skip
    signature = sshsig.sign(payload.canonical, key, environment=environment, interactive=interactive)
    if sshsig.verify(signature, payload.canonical) != reviewer.blob:
        raise Refusal("The signature was made by another key than the one given.", "check the key file and its .pub beside it")
    return _record(repo, queued, payload, signature)


def _complete(questions: Sequence[str], answers: Sequence[str]) -> None:
    missing = [question for number, question in enumerate(questions) if number >= len(answers) or not answers[number].strip()]
    if missing:
        asked = "\n".join(f"  {number}. {question}" for number, question in enumerate(questions, 1))
        raise UsageError(
            f"An approval of this change has to answer what the policy asks:\n{asked}",
            "give --answer TEXT once for each, in this order",
        )  # fmt: skip
    if len(answers) > len(questions):
        raise _too_many(answers, questions)


def _too_many(answers: Sequence[str], questions: Sequence[str]) -> UsageError:
    return UsageError(f"{len(answers)} answers were given to {len(questions)} questions.", "use --comment for anything else")


def _reviewer(repo: Repo, policy: Policy, key: Path) -> Reviewer:
    place = key.expanduser().resolve()
    if place.is_relative_to(repo.root):
        hint = "keep it where no agent works, such as ~/.ssh"
        raise UsageError(f"The key {place} lies inside the workspace, where an agent could read it.", hint)
    blob = sshsig.public_blob(place)
    found = policy.reviewer_of_key(blob)
    if found is None:
        entry = f'[[reviewer]]\nname = "…"\nidentity = "you@your.example"\nroles = ["domain"]\nkey = "{sshsig.public_line(blob)}"'
        who = "Nobody is" if not policy.reviewers else "This key is not"
        raise Refusal(
            f"{who} named as a reviewer in the policy that this change is judged by.",
            f"add this to review_policies/reviewers.toml and commit it (itself a policy change):\n{entry}",
        )
    return found


def own_change(author: Author, reviewer: Reviewer, policy: Policy) -> str:
    """Why this reviewer is the author of the change, by identity or by key; empty where they are not."""
    if normal(reviewer.identity) in (normal(author.email), normal(author.name)) or normal(reviewer.name) == normal(author.name):
        return f"{reviewer.name} is the author of this change and can't sign it."
    keys = {known.blob for known in policy.reviewers if normal(author.email) == normal(known.identity)}
    if author.key:
        try:
            keys.add(key_blob(author.key))
        except ValueError:
            return "The author's key can't be read, so it can't be told from the reviewer's."
    return f"The key of {reviewer.name} is the author's own." if reviewer.blob in keys else ""


def _role(reviewer: Reviewer, role: str | None, decision: Decision) -> str:
    if role is not None:
        if role not in reviewer.roles:
            raise Refusal(
                f"{reviewer.name} doesn't hold the role `{role}`.", f"roles held: {', '.join(reviewer.roles) or 'none'}"
            )
        return role
    wanted = [name for name in decision.requires.roles if name in reviewer.roles]
    return next(iter([*wanted, *reviewer.roles]), "")


def _record(repo: Repo, queued: QueuedChange, payload: Payload, signature: str) -> SignOff:
    name = sha256(payload.canonical).removeprefix("sha256:")[:16]
    files = {
        _PAYLOAD: Entry(FILE, repo.store("blob", payload.canonical)),
        _SIGNATURE: Entry(FILE, repo.store("blob", signature.encode("ascii"))),
    }
    message = f"{payload.verdict} {queued.digest}"
    who = Identity(payload.reviewer, payload.reviewer)
    ref = f"{PREFIX}{queued.id}/{name}"
    made = repo.commit(repo.tree_from(files), [queued.commit], message, author=who, ref=ref, expect=None, at=payload.at)
    return SignOff(id=name, payload=payload, signature=signature, commit=made)


def signoffs(repo: Repo, change_id: str) -> tuple[list[SignOff], list[tuple[str, str]]]:
    """Every recorded sign-off on a change, oldest first, and (id, why) of those that can't be read. None is judged here."""
    found: list[SignOff] = []
    unreadable: list[tuple[str, str]] = []
    for ref, commit_id in repo.refs(f"{PREFIX}{change_id}/").items():
        name = ref.rpartition("/")[2]
        tree = repo.commit_of(commit_id).tree
        content, signature = repo.read_blob(tree, _PAYLOAD), repo.read_blob(tree, _SIGNATURE)
        try:
            payload = Payload.model_validate_json(content or b"")
        except ValidationError:
            unreadable.append((name, "it can't be read"))
            continue
        if payload.canonical != content or sha256(content).removeprefix("sha256:")[:16] != name:
            unreadable.append((name, "it was changed after it was signed"))
            continue
        found.append(SignOff(id=name, payload=payload, signature=(signature or b"").decode("ascii", "replace"), commit=commit_id))
    return sorted(found, key=lambda signoff: (signoff.payload.at, signoff.id)), unreadable


def valid(
    repo: Repo, queued: QueuedChange, now: datetime, *, assessment: Assessment | None = None, spent: set[str] | None = None,
    rerun: Rerun | None = None,
) -> Standing:  # fmt: skip
    """Judges every sign-off on `queued` at `now`; `spent` are ids that were used (default: those in the ledger).

    Where the change is the rebase of others, theirs count as far as they carry over. That takes `rerun`: gates and effect as they
    were measured again; without it no approval carries over. Objections to an earlier form always stand.
    """
    assessment = assessment or queue.assess(repo, queued)
    spent = ledger.spent(ledger.entries(repo)) if spent is None else spent
    readable, invalid = signoffs(repo, queued.id)
    given = [(signoff, _wrong(signoff, queued, assessment, now)) for signoff in readable]
    carried: dict[str, str] = {}
    since: list[str] = []
    again = carry.reassessed(queued, assessment, rerun)
    for step in carry.carries(repo, queued, again, rerun):
        earlier, _ = signoffs(repo, step.origin.id)
        carried |= {signoff.id: step.origin.digest for signoff in earlier}
        for signoff in earlier:
            theirs = _not_theirs(signoff, step.origin, again)
            differs = [] if theirs or signoff.payload.verdict != "approve" else _differs(signoff.payload, step, again)
            wrong = theirs or (f"it doesn't carry over from {step.origin.id}: {'; '.join(differs)}" if differs else "")
            given.append((signoff, wrong or _out_of_time(signoff.payload, again, now)))
            if differs:
                since.append(f"what differs since {signoff.payload.reviewer} signed: {'; '.join(differs)}")
    latest: dict[str, SignOff] = {}
    for signoff, wrong in sorted(given, key=lambda one: (one[0].payload.at, one[0].id)):
        if not wrong and signoff.id in spent:
            wrong = "it was used already"
        if wrong:
            invalid.append((signoff.id, wrong))
            continue
        reviewer = normal(signoff.payload.reviewer)
        if reviewer in latest:
            invalid.append((latest[reviewer].id, "its reviewer decided again later"))
        latest[reviewer] = signoff
    counted = sorted(latest.values(), key=lambda signoff: (signoff.payload.at, signoff.id))
    return Standing(
        approvals=[signoff for signoff in counted if signoff.payload.verdict == "approve"],
        objections=[signoff for signoff in counted if signoff.payload.verdict != "approve"],
        invalid=invalid,
        carried={signoff.id: carried[signoff.id] for signoff in counted if signoff.id in carried},
        since=list(dict.fromkeys(since)),
    )


def _wrong(signoff: SignOff, queued: QueuedChange, assessment: Assessment, now: datetime) -> str:
    """Why a sign-off doesn't count, or an empty text."""
    said = signoff.payload
    wrong = _not_theirs(signoff, queued, assessment)
    stale = {
        "the policy": said.policy != assessment.policy.digest,
        "the risks": said.risks != assessment.classification.risk_digest,
        "the evidence": said.evidence != queued.evidence,
        "the skills": said.skills != queued.skills,
    }
    if not wrong and any(stale.values()):
        return f"stale: {', '.join(what for what, differs in stale.items() if differs)} changed since"
    return wrong or _out_of_time(said, assessment, now)


def _differs(said: Payload, step: Carry, again: Assessment) -> list[str]:
    """What keeps an approval of an earlier form of a change from carrying over to it. (An objection stays: no is no.)"""
    return list(
        dict.fromkeys(
            [
                *(["the evidence changed before the rebase"] if said.evidence != step.origin.evidence else []),
                *(["the policy changed since"] if said.policy != again.policy.digest else []),
                *(["the skills changed since"] if said.skills != step.skills else []),
                *(["the risks are others"] if said.risks != again.classification.risk_digest else []),
                *step.differs,
            ]
        )
    )


def _not_theirs(signoff: SignOff, about: QueuedChange, assessment: Assessment) -> str:
    """Why a sign-off is not that of a reviewer in the policy on exactly these two trees, or an empty text."""
    said = signoff.payload
    try:
        blob = sshsig.verify(signoff.signature, said.canonical)
    except sshsig.BadSignature as error:
        return f"its signature doesn't hold: {error}"
    reviewer = assessment.policy.reviewer_of_key(blob)
    if reviewer is None:
        return "its key belongs to no reviewer"
    if normal(reviewer.identity) != normal(said.reviewer):
        return f"it says {said.reviewer}, but the key is that of {reviewer.identity}"
    if said.role and said.role not in reviewer.roles:
        return f"{reviewer.name} doesn't hold the role {said.role}"
    if (said.change, said.base, said.result) != (about.digest, about.change.base, about.change.result):
        return "it is about another change"
    own = own_change(about.change.author, reviewer, assessment.policy)
    if own or said.author != about.change.author:
        return own or "it names another author"
    return ""


def _out_of_time(said: Payload, assessment: Assessment, now: datetime) -> str:
    """Why a sign-off doesn't hold now, or doesn't answer what is asked; or an empty text."""
    if now > min(said.expires, said.at + assessment.decision.expires):
        return f"it expired at {min(said.expires, said.at + assessment.decision.expires):%Y-%m-%d %H:%M} UTC"
    if said.at > now + _CLOCK_SKEW:
        return "it is dated in the future"
    answered = {answer.question for answer in said.answers if answer.answer.strip()}
    if said.verdict == "approve" and not set(assessment.decision.requires.questions) <= answered:
        return "it doesn't answer what the policy asks"
    return ""


def unmet(decision: Decision, standing: Standing) -> list[str]:
    """What is still missing for this decision, in words; empty when the change may be applied as far as people go."""
    missing = [
        f"{signoff.payload.reviewer} said {signoff.payload.verdict}"
        + (f": {signoff.payload.comment}" if signoff.payload.comment else "")
        for signoff in standing.objections
    ]
    for rule in decision.rules:
        given = [signoff for signoff in standing.approvals if not rule.roles or signoff.payload.role in rule.roles]
        if len(given) < rule.approvals:
            role = f" as {' or '.join(rule.roles)}" if rule.roles else ""
            missing.append(f"{rule.name}: {len(given)} of {rule.approvals} approvals{role}")
    return missing
