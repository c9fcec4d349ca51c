"""Queue, diff and policy → lines for the screen. Every word that comes from outside passes through `line()`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from workbench.changes import FileDiff
from workbench.review.gates import missing_gates
from workbench.review.index import Waiting
from workbench.review.queue import Assessment, QueuedChange
from workbench.review.signoff import MEASURED_AGAIN, SignOff, Standing, unmet
from workbench.tui.desk import VERDICTS, Opened
from workbench.tui.drafts import Draft
from workbench.tui.lines import Line, line

STATUS = {"added": "+", "deleted": "-", "modified": "~", "mode": "m"}


def queue_lines(changes: Sequence[Waiting], drafts: Mapping[str, Draft], signed: Counter[str]) -> list[Line]:
    """One line a change: id, kinds, draft or sign-offs, title."""
    if not changes:
        return [line("the queue is empty", "dim")]
    lines = []
    for queued in changes:
        draft = drafts.get(queued.id)
        count = signed[queued.id]
        mark = f" [{VERDICTS[draft.verdict][0]} draft]" if draft else f" [{count} signed]" if count else ""
        kinds = ",".join(queued.kinds) or "no risk"
        lines.append(line(f"{queued.id[:8]} {kinds}{mark}: {queued.title}", "strong" if draft else "plain", queued.id))
    return lines


def diff_lines(diffs: Sequence[FileDiff]) -> list[Line]:
    """A unified diff; keys `f<i>` for what is said about a file and `h<i>.<j>` for the lines of a hunk."""
    lines: list[Line] = []
    for i, diff in enumerate(diffs):
        lines += file_head(diff, i)
        for j, hunk in enumerate(diff.hunks):
            key = f"h{i}.{j}"
            lines.append(line(hunk.header, "dim", key))
            for found in hunk.lines:
                style = {"+": "added", "-": "removed"}.get(found.mark, "plain")
                lines.append(line(f"{found.mark} {found.text}", style, key, found.new or -(found.old or 0)))
        if diff.missing_newline:
            lines.append(line("\\ no newline at the end any more", "dim", f"f{i}"))
        lines.append(line(""))
    return lines or [line("no difference", "dim")]


def file_head(diff: FileDiff, number: int) -> list[Line]:
    """What is said about a file before its hunks."""
    key = f"f{number}"
    name = f"{diff.old_path} → {diff.path}" if diff.old_path and diff.old_path != diff.path else diff.path
    lines = [line(f"{STATUS[diff.status]} {name} ({diff.status})", "heading", key)]
    if diff.old_mode != diff.new_mode and diff.old_mode and diff.new_mode:
        lines.append(line(f"  mode {diff.old_mode} → {diff.new_mode}", "warning", key))
    if diff.binary:
        lines.append(line(f"  binary, {diff.old_size:,} → {diff.new_size:,} bytes", "warning", key))
    return lines


def extent(diffs: Sequence[FileDiff]) -> str:
    """`2 files, 3 hunks`."""
    files, hunks = len(diffs), sum(len(diff.hunks) for diff in diffs)
    return f"{files} file{'' if files == 1 else 's'}, {hunks} hunk{'' if hunks == 1 else 's'}"


def policy_lines(queued: QueuedChange, assessment: Assessment, standing: Standing, draft: Draft | None) -> list[Line]:
    """What is missing, what the policy of the base tree asks, who has signed, and what exactly is decided on."""
    decision = assessment.decision
    missing = [*missing_gates(decision.requires.gates, assessment.gates, queued.change.result), *unmet(decision, standing)]
    lines = [line("WHAT IS MISSING", "heading")]
    if decision.decision == "block":
        lines.append(line("✗ blocked: this change can't be applied by anybody", "bad"))
    lines += [line(f"✗ {text}", "warning") for text in missing] or [line("✓ nothing", "good")]
    lines += [line(f"Δ {text}", "warning") for text in standing.since]
    lines += [line(""), line("WHAT THE POLICY ASKS", "heading")]
    lines.append(line(f"decision: {decision.decision}, approvals: {decision.requires.approvals}"))
    if decision.requires.roles:
        lines.append(line(f"by: {', '.join(decision.requires.roles)}"))
    if decision.requires.gates:
        lines.append(line(f"gates that must pass: {', '.join(decision.requires.gates)}"))
    lines += [line(f"· {why}", "dim") for why in decision.reasons]
    for question in decision.requires.questions:
        answer = draft.answers.get(question, "") if draft else ""
        lines += [line(f"? {question}", "strong"), line(f"    {answer}" if answer else "    (no answer yet; a asks)")]
    if draft and draft.comment:
        lines.append(line(f"your comment: {draft.comment}"))
    lines += [line(""), line("SIGN-OFFS", "heading"), *_signoff_lines(standing)]
    lines += [line(""), line("THIS CHANGE, EXACTLY", "heading")]
    identity = {
        "base": queued.change.base, "result": queued.change.result, "digest": queued.digest,
        "policy": decision.policy_digest, "session": queued.session or "none",
    }  # fmt: skip
    return lines + [line(f"{name:<8}{value}", "dim") for name, value in identity.items()]


def summary(opened: Opened, draft: Draft, who: str) -> list[str]:
    """What a signature would say, for the last look at it."""
    queued, kinds = opened.queued, opened.assessment.classification.kinds if opened.assessment else []
    rows = [
        f"{VERDICTS[draft.verdict]}  {queued.id}  as {who}",
        f"“{queued.change.title}”",
        f"kinds: {', '.join(kind.value for kind in kinds) or 'no risk'} · {extent(opened.diffs)}",
        f"digest: {queued.digest}",
    ]
    if draft.verdict == "approve":
        rows += [row for question in opened.questions for row in (f"? {question}", f"    {draft.answers.get(question, '')}")]
    return rows + ([f"comment: {draft.comment}"] if draft.comment else [])


def _signoff_lines(standing: Standing) -> list[Line]:
    lines: list[Line] = []
    for given in (*standing.approvals, *standing.objections):
        lines += _said(given)
        if given.id in standing.carried:
            lines.append(line(f"    carried over from change {standing.carried[given.id][7:19]}; {MEASURED_AGAIN}", "dim"))
    lines += [line(f"○ {name} doesn't count: {why}", "dim") for name, why in standing.invalid]
    return lines or [line("nobody has signed yet", "dim")]


def _said(given: SignOff) -> list[Line]:
    said = given.payload
    role = f" as {said.role}" if said.role else ""
    lines = [line(f"{VERDICTS[said.verdict]}: {said.reviewer}{role}, {said.at:%Y-%m-%d %H:%M} UTC", "strong")]
    for answer in said.answers:
        lines += [line(f"    ? {answer.question}", "dim"), line(f"      {answer.answer}")]
    return lines + ([line(f"    “{said.comment}”")] if said.comment else [])
