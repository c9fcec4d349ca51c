"""What a rule says about a pipeline or a file: findings, in one form for every gate, report and reviewer.

The JSON of these models is an interface (`workbench audit --json`): fields may be added, none renamed or removed.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field, model_validator


class Severity(StrEnum):
    """SARIF's levels; only `error` fails a gate."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Location(_Model):
    """Where in the workspace: `path` relative to its root with `/`, `line` from 1."""

    path: str
    line: int | None = None
    column: int | None = None


class MovedCell(_Model):
    """Proof by re-running: one value of the feature frame or prediction that moved when only the future was changed."""

    kind: Literal["moved-cell"] = "moved-cell"
    entity: dict[str, str]
    target_time: str | None = None
    prediction_time: str | None = None
    cutoff: str
    world: str
    """Which changed world moved it: truncated, poisoned-a, poisoned-b, thinned, thickened."""
    before: str
    after: str
    cohorts: int = 1
    """Cutoffs at which it moved."""
    probed: int = 1
    """Cutoffs that were tried."""


class Trace(_Model):
    """A feature or prediction around a cutoff, with the future as it was and with another future; drawn by the reports.

    Rows in the order in which they are predicted; all lists have one entry per row. Numbers are rounded to seven digits;
    values that aren't numbers are words; missing ones are null.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["trace"] = "trace"
    column: str
    entity: dict[str, str] = Field(default_factory=dict)
    """Whose rows these are; empty where one entity has too few of them (or the contract names none)."""
    series: bool = True
    """Whether the rows are one after the other of one entity, rather than of several side by side."""
    cutoff: str
    world: str
    """In which other future the values came out: as in `MovedCell`."""
    times: list[str] = Field(max_length=64)
    """When each row is predicted, ISO 8601."""
    with_future: list[float | str | None]
    """As the pipeline computed it."""
    without_future: list[float | str | None]
    """As it came out when what wasn't known at the cutoff was changed or taken away; null where `state` is `open`."""
    state: list[Literal["moved", "same", "open"]]
    """`open`: not compared, as the row is predicted after the cutoff or may be missing in that future."""
    made: int
    """So many of the rows, from the first on, are predicted at or before the cutoff."""

    @model_validator(mode="after")
    def _one_entry_per_row(self) -> Trace:
        if len({len(column) for column in (self.times, self.with_future, self.without_future, self.state)}) != 1:
            raise ValueError("a trace has one time, two values and one state per row")
        if not 0 <= self.made <= len(self.times):
            raise ValueError("a trace can't have more rows before its cutoff than rows")
        return self

    @property
    def numeric(self) -> bool:
        """Whether all values that are there are numbers, so that they can be drawn."""
        return not any(isinstance(value, str) for value in (*self.with_future, *self.without_future))


class Rows(_Model):
    """Proof by set operation: rows that break the rule, with a few of them written out."""

    kind: Literal["rows"] = "rows"
    count: int
    of: int
    examples: list[dict[str, str]] = Field(default_factory=list)


class Span(_Model):
    """Two periods on one line of time, and what lies between them; drawn by the reports. Times are ISO 8601, UTC."""

    kind: Literal["span"] = "span"
    fold: int
    train_start: str
    train_end: str
    train_known: str
    """When the last training label is known."""
    test_start: str
    """The first test prediction is made."""
    test_end: str
    needed_gap: str
    found_gap: str


class Measurement(_Model):
    """Proof by number: what was measured against what was asked."""

    kind: Literal["measurement"] = "measurement"
    name: str
    value: float
    expected: str
    unit: str = ""


class Text(_Model):
    """Proof in words where none of the other kinds fits."""

    kind: Literal["text"] = "text"
    text: str


Evidence = Annotated[MovedCell | Trace | Rows | Span | Measurement | Text, Field(discriminator="kind")]


class Effect(_Model):
    """By how much a leak flatters the primary metric: the score with it and without it, on the same test rows.

    `gain` is positive where the score looks better than it is, in the metric's unit whatever its direction; `low` to `high`
    covers it with probability `level`. What could not be measured has no numbers and says why in `not_measured`.
    """

    metric: str = ""
    claimed: float | None = Field(default=None, allow_inf_nan=False)
    """The score with the leak."""
    honest: float | None = Field(default=None, allow_inf_nan=False)
    """The score of the same rows when what leaks is taken away."""
    gain: float | None = Field(default=None, allow_inf_nan=False)
    low: float | None = Field(default=None, allow_inf_nan=False)
    high: float | None = Field(default=None, allow_inf_nan=False)
    level: float = 0.95
    how: str = ""
    """What was taken away, on which rows, and how the interval came about."""
    not_measured: str = ""

    @model_validator(mode="after")
    def _numbers_or_reason(self) -> Effect:
        numbers = (self.claimed, self.honest, self.gain, self.low, self.high)
        if bool(self.not_measured) == any(number is not None for number in numbers):
            raise ValueError("an effect has either its numbers or the reason why there are none")
        if not self.not_measured and (None in numbers or not self.metric):
            raise ValueError("a measured effect has all of its numbers")
        return self

    @property
    def share(self) -> float | None:
        """The gain relative to the score, by which findings of different use cases compare; None where it wasn't measured."""
        if self.gain is None or self.claimed is None or self.honest is None:
            return None
        size = max(abs(self.claimed), abs(self.honest))
        return self.gain / size if size > 0 else 0.0


class Finding(_Model):
    """One thing that is wrong.

    `column` is the feature or column judged, `source` the source cell that was read (`flights.dep_delay`),
    `lookahead` how far beyond what was known, as a pandas duration (`23h`), `rows` how many rows are touched.
    """

    rule: str
    severity: Severity
    stage: str
    column: str | None = None
    source: str | None = None
    lookahead: str | None = None
    rows: int | None = None
    evidence: list[Evidence] = Field(default_factory=list)
    message: str
    remedy: str
    location: Location | None = None
    effect: Effect | None = None
    """By how much it flatters the score; None where nobody has asked (notes, and parts of an audit)."""
    waived: str | None = None
    """Why and until when people have accepted it (`waivers.toml`); the severity stays, but it doesn't fail its gate."""

    @model_validator(mode="before")
    @classmethod
    def _recompute_fingerprint(cls, value: Any) -> Any:
        # A printed finding carries its fingerprint; what is read back computes its own and trusts none.
        return {k: v for k, v in value.items() if k != "fingerprint"} if isinstance(value, dict) else value

    @computed_field  # type: ignore[prop-decorator]
    @property
    def fingerprint(self) -> str:
        """Stable over re-runs and over unrelated edits: what is wrong and where, not how much."""
        what = [self.rule, self.stage, self.column, self.source, self.location.path if self.location else None]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
