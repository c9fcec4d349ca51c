"""Waivers: findings that people have accepted for a while, with a reason and an end.

`pipelines/<use_case>/waivers.toml` of the audited tree holds them; here the file is read and held against what the gates found.
A waiver never takes a finding out of a report and never makes a gate that could not look a pass: it says that this one doesn't
stand in the way until its date. That a change of the file needs a person is in `changes/places.py`. The format is in
`docs/waivers.md`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from workbench.errors import ContractError
from workbench.findings import Finding
from workbench.pipeline.toml_lines import syntax_error_line
from workbench.report.model import WaiverResult, WaiverState

FILE = "waivers.toml"
MAX_DAYS = 184
"""A waiver ends within half a year, counted from the day of the audit."""
_DOCS = "docs/waivers.md has the format"
_HEADER = re.compile(r"\s*\[\[\s*[\"']?waiver[\"']?\s*\]\]")

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Waiver(BaseModel):
    """One accepted finding of `rule`: by `fingerprint`, or by the `column` it is about; or, with `not_exercised`, that the rule
    could not look."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rule: Annotated[str, StringConstraints(pattern=r"^[a-z-]+/[a-z0-9-]+$")]
    reason: Reason
    expires: date
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None
    column: Text | None = None
    not_exercised: bool = False
    accepted_by: Text | None = None

    @model_validator(mode="after")
    def _one_subject(self) -> Waiver:
        if sum((self.fingerprint is not None, self.column is not None, self.not_exercised)) != 1:
            raise ValueError("needs exactly one of `fingerprint`, `column` and `not_exercised = true`")
        return self

    def covers(self, finding: Finding) -> bool:
        """Whether this is the finding that was accepted, its date apart."""
        if finding.rule != self.rule or self.not_exercised:
            return False
        return finding.fingerprint == self.fingerprint if self.fingerprint else finding.column == self.column

    @property
    def words(self) -> str:
        """What a report says beside what is waived: `the feed ends in March (until 2027-03-31, accepted by ana)`."""
        by = f", accepted by {self.accepted_by}" if self.accepted_by else ""
        return f"{self.reason} (until {self.expires.isoformat()}{by})"


@dataclass
class Waivers:
    """The waivers of one use case on one day, and which of them were needed."""

    path: str
    today: date
    entries: Sequence[tuple[int, Waiver]] = ()
    """Line (from 1) and waiver."""
    _used: set[int] = field(default_factory=set)

    def marked(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings, with `waived` filled where a waiver that holds today covers them; severities stay."""
        return [self._marked(finding) for finding in findings]

    def _marked(self, finding: Finding) -> Finding:
        for place, (_, waiver) in enumerate(self.entries):
            if waiver.covers(finding):
                self._used.add(place)
                if self._state(waiver) is None:
                    return finding.model_copy(update={"waived": waiver.words})
        return finding

    def unlooked(self, rule: str) -> str:
        """Why it is accepted that this rule could not look; empty where it isn't."""
        for place, (_, waiver) in enumerate(self.entries):
            if waiver.not_exercised and waiver.rule == rule:
                self._used.add(place)
                if self._state(waiver) is None:
                    return waiver.words
        return ""

    def results(self, ran: Collection[str], known: Collection[str]) -> list[WaiverResult]:
        """What became of each waiver. `ran`: the rules that were asked; `known`: all there are.

        A waiver of a rule that wasn't asked in this audit is left out: nobody can say whether it is needed.
        """
        results = []
        for place, (line, waiver) in enumerate(self.entries):
            if waiver.rule in known and waiver.rule not in ran and self._state(waiver) is None:
                continue
            state = self._state(waiver) or ("used" if place in self._used else "unused")
            if waiver.rule not in known:
                state = "unknown rule"
            results.append(
                WaiverResult(rule=waiver.rule, state=state, says=self._says(state, waiver), path=self.path, line=line)
            )  # fmt: skip
        return results

    def _state(self, waiver: Waiver) -> WaiverState | None:
        """Why a waiver doesn't hold today, or None."""
        left = (waiver.expires - self.today).days
        return "expired" if left < 0 else "too long" if left > MAX_DAYS else None

    def _says(self, state: WaiverState, waiver: Waiver) -> str:
        about = f"`{waiver.rule}`" + (
            f" on `{waiver.column}`"
            if waiver.column
            else f" ({waiver.fingerprint})"
            if waiver.fingerprint
            else ", not exercised,"
        )
        return {
            "used": f"The waiver of {about} holds: {waiver.words}.",
            "unused": f"The waiver of {about} covers nothing that was found: take it out.",
            "expired": f"The waiver of {about} ended on {waiver.expires.isoformat()} and covers nothing any more.",
            "too long": f"The waiver of {about} ends on {waiver.expires.isoformat()}, more than {MAX_DAYS} days from now, "
            "and covers nothing: give it a nearer date.",
            "unknown rule": f"The waiver of {about} names a rule that there isn't; `workbench rules` lists them.",
        }[state]


def read_waivers(root: Path, use_case: str, today: date) -> Waivers:
    """The waivers of a use case in the tree at `root`; none where there is no file.

    Raises ContractError (`pipelines/x/waivers.toml:4: …`) for a file that can't be used: what was accepted is then not known.
    """
    name = f"pipelines/{use_case}/{FILE}"
    path = root / name
    if path.is_symlink():
        raise ContractError(f"{name}: is a link, so what it says isn't part of the tree.", "make it a file of its own")
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return Waivers(name, today)
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{name}: can't be read: {error}.", "save it as UTF-8 text") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, what = syntax_error_line(str(error), text)
        raise ContractError(f"{name}:{line}: is not valid TOML: {what}.", "mend the syntax of this line") from None
    listed = table.get("waiver", [])
    stray = [key for key in table if key != "waiver"]
    if stray or not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        key = stray[0] if stray else "waiver"
        raise ContractError(f"{name}:{_line_of_key(text, key, 1)}: `{key}` is not a [[waiver]].", _DOCS)
    begins = _begins(text)
    begins += [begins[-1] if begins else 1] * (len(listed) - len(begins))
    return Waivers(name, today, [(line, _waiver(entry, name, text, line)) for entry, line in zip(listed, begins)])


def _waiver(entry: dict[str, Any], name: str, text: str, begin: int) -> Waiver:
    try:
        return Waiver.model_validate(entry)
    except ValidationError as error:
        detail = error.errors()[0]
    key = str(detail["loc"][0]) if detail["loc"] else ""
    line = _line_of_key(text, key, begin) if key else begin
    sentence = {
        "missing": f"a waiver needs `{key}`",
        "extra_forbidden": f"`{key}` is not a key of a waiver",
        "string_too_short": f"`{key}` says too little",
    }.get(detail["type"], f"`{key}`: {detail['msg']}" if key else detail["msg"].removeprefix("Value error, a waiver "))
    hints = {
        "reason": "say why this is accepted, and what will be done about it",
        "expires": "a date without quotes, such as expires = 2027-03-31",
        "fingerprint": "the sixteen characters that `workbench audit --json` gives the finding",
        "rule": "the rule's id, such as leakage/label-embargo; `workbench rules` lists them",
    }
    if not key:
        sentence = f"a waiver {sentence}"
    raise ContractError(f"{name}:{line}: {sentence}.", hints.get(key, _DOCS))


def _begins(text: str) -> list[int]:
    """The line of each [[waiver]]; one inside a string of several lines is not the beginning of anything."""
    lines = text.splitlines(keepends=True)
    found = []
    for number, line in enumerate(lines):
        if _HEADER.match(line):
            try:
                tomllib.loads("".join(lines[:number]))
            except tomllib.TOMLDecodeError:
                continue
            found.append(number + 1)
    return found


def _line_of_key(text: str, key: str, begin: int) -> int:
    """The line of `key` at or after `begin`, before the next waiver; `begin` where it isn't there."""
    for number, line in enumerate(text.splitlines()[begin - 1 :], begin):
        if number > begin and _HEADER.match(line):
            break
        if re.match(rf"\s*(\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*[=\].]", line):
            return number
    return begin
