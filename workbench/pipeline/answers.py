"""What the confined process answers, as models: anything else that it says is an error, not a guess."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """What every answer says about the stages that ran: untrusted, and for the record."""

    model_config = ConfigDict(extra="ignore", strict=True)

    opened: list[str] = Field(default_factory=list)
    files: dict[str, list[str]] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    ran: dict[str, Count] = Field(default_factory=dict)
    covered: dict[str, list[Count]] = Field(default_factory=dict)
    """For the files that coverage was asked for: the numbers of the arms that have run."""


class Loaded(Answer):
    """`tables`: names in the order of their files."""

    tables: list[str]


class Ran(Answer):
    """`folds`: lengths of each fold's (train, test); `digests` and `scores`: one for each fold that ran."""

    folds: list[Annotated[list[Count], Field(min_length=2, max_length=2)]]
    digests: list[str | None]
    scores: list[dict[str, float]]


class Prepared(Answer):
    """Stage → names of the tables after it, in the order of their files."""

    prepared: dict[str, list[str]]


class Judged(Answer):
    """The metrics stage's words on each fold's given predictions."""

    scores: list[dict[str, float]]


class Fitted(Answer):
    """The format of the model file that was left."""

    flavor: str
    features: list[str]


class Refused(BaseModel):
    """Why the `serve` stage could not answer a request."""

    model_config = ConfigDict(extra="forbid")

    stage: str
    message: str
    hint: str
    detail: str


class ServedRow(BaseModel):
    """What the `serve` stage made of one request, or why it could not."""

    model_config = ConfigDict(extra="forbid")

    made: dict[str, str | bool | int | float | None] | None = None
    error: Refused | None = None


class Served(Answer):
    """One for each request, in their order."""

    answers: list[ServedRow]


class Measured(Answer):
    """A metric of the use case's own on some rows; may be NaN."""

    value: float
