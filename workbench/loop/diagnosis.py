"""What a diagnosis is: the cause of a failure, its evidence, and the skill that can cure it, if one can.

The `explain` skill makes them, drivers choose among them. Nothing is decided or run here.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class CauseKind(StrEnum):
    """Kinds of causes, in the order in which they block: without tables nothing runs, without features no split is judged."""

    CONTRACT = "contract"
    """The contract or another file that a person writes can't be used."""
    ENVIRONMENT = "environment"
    """Not the pipeline's fault: no sandbox, no memory, no time, a package that isn't installed."""
    SCHEMA_RENAME = "schema-rename"
    SCHEMA_RETYPE = "schema-retype"
    SCHEMA_RESCALE = "schema-rescale"
    SCHEMA_MISSING = "schema-missing"
    """A declared column is gone and nothing looks like it."""
    SCHEMA_VALUES = "schema-values"
    """The values leave what the contract declares: range, categories, uniqueness, share of missing values."""
    FRAMEWORK_REMOVAL = "framework-removal"
    """The code uses what the installed library no longer has."""
    CODE_ERROR = "code-error"
    """An exception of the stage's own code that no other kind explains."""
    FUTURE_FEATURE = "future-feature"
    SPLIT_ORDER = "split-order"
    LABEL_EMBARGO = "label-embargo"
    SPLIT_GROUPS = "split-groups"
    SPLIT_OVERLAP = "split-overlap"
    """The same or nearly the same rows on both sides, or rows that no or several folds test."""
    FIT_LEAK = "fit-leak"
    METRIC = "metric"
    NOT_EXERCISED = "not-exercised"
    """A gate could not look, so it did not pass."""
    UNKNOWN = "unknown"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cure(_Model):
    """The skill to run, and its input."""

    skill: str
    input: dict[str, JsonValue] = Field(default_factory=dict)


class Diagnosis(_Model):
    """One cause of a failure.

    `message` is one sentence for a person; `evidence` are the facts it rests on, each in a sentence (text from data and
    tracebacks in them is untrusted). `cure` is None where no skill is known to help, and `message` then says so.
    """

    kind: CauseKind
    message: str
    stage: str = ""
    source: str | None = None
    """The table, or `table.column`, that is meant."""
    column: str | None = None
    evidence: list[str] = Field(default_factory=list)
    cure: Cure | None = None

    @property
    def fingerprint(self) -> str:
        """Stable over re-runs: which cause and where."""
        what = [self.kind.value, self.stage, self.source, self.column]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


_ORDER = {kind: place for place, kind in enumerate(CauseKind)}


def ranked(diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    """What blocks first, first; among equals those with a cure, then in the order given."""
    return sorted(diagnoses, key=lambda diagnosis: (_ORDER[diagnosis.kind], diagnosis.cure is None))
