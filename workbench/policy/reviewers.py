"""`review_policies/reviewers.toml`: who may sign, in which role, with which public key."""

from __future__ import annotations

import base64
import binascii
import unicodedata
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

REVIEWERS = "reviewers.toml"


class Reviewer(BaseModel):
    """One `[[reviewer]]`: `identity` is their e-mail address as git has it, `key` their public SSH key."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str = Field(min_length=1)
    identity: str = Field(min_length=1)
    roles: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    key: str

    @field_validator("key")
    @classmethod
    def _is_public_key(cls, value: str) -> str:
        key_blob(value)
        return value

    @property
    def blob(self) -> bytes:
        """The key as bytes, without its comment."""
        return key_blob(self.key)


class ReviewerFile(BaseModel):
    """The file; the list may be empty (nobody can sign yet)."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    reviewer: tuple[Reviewer, ...] = ()

    @field_validator("reviewer")
    @classmethod
    def _are_different(cls, value: tuple[Reviewer, ...]) -> tuple[Reviewer, ...]:
        for what, seen in (
            ("name", [normal(reviewer.name) for reviewer in value]),
            ("identity", [normal(reviewer.identity) for reviewer in value]),
            ("key", [reviewer.blob for reviewer in value]),
        ):
            if len(set(seen)) != len(seen):
                raise ValueError(f"two reviewers have the same {what}: one person would count as two")
        return value


def key_blob(text: str) -> bytes:
    """The binary form of an OpenSSH public key line. Raises ValueError where it is none."""
    words = text.split()
    if len(words) < 2:
        raise ValueError("not a public SSH key (`ssh-ed25519 AAAA… comment`)")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        raise ValueError("not a public SSH key: its middle part isn't base64") from None
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != words[0].encode() or len(blob) <= 4 + length:
        raise ValueError(f"not a public SSH key: it isn't of the type `{words[0]}` that it says")
    return blob


def normal(identity: str) -> str:
    """An identity as it is compared: case, form of letters, and what can't be seen don't make another person."""
    plain = unicodedata.normalize("NFKC", identity)
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf").strip().casefold()
