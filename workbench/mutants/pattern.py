"""A leak pattern: what is planted into which base pipeline, and the honest code that looks like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.mutants.model import Expected


@dataclass(frozen=True)
class Plant:
    """What makes a base pipeline a mutant.

    `slots` maps slot names to the code that takes the slot's place, `contract` holds (old, new) edits of the contract's text,
    `files` whole files by their path in the workspace. `share` is the share of rows touched, where it is small.
    """

    slots: Mapping[str, str] = field(default_factory=dict)
    contract: tuple[tuple[str, str], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    share: float | None = None


def pair(
    slot: str,
    code: str,
    *,
    leak: str,
    twin: str,
    beside: Mapping[str, str] | None = None,
    contract: tuple[tuple[str, str], ...] = (),
    share: float | None = None,
) -> tuple[Plant, Plant]:
    """A leak and its twin that differ in one place of one slot: `leak` or `twin` takes the place of `<?>` in `code`.

    `beside` are slots that both fill alike; `share` is the share of rows that the leak touches.
    """
    planted, honest = ({**(beside or {}), slot: code.replace("<?>", word)} for word in (leak, twin))
    return Plant(planted, contract, share=share), Plant(honest, contract)


@dataclass(frozen=True)
class Pattern:
    """One pattern of the catalogue.

    `taxonomy` is its class in Kapoor & Narayanan 2023 (`"L3.1"`; several: `"L1.2, L3.1"`), `why` says by which fact of the
    contract the leak is one and the twin isn't. `plants` maps a use case to (leak, twin), `expects` to what an audit should say
    of the leak. A pattern that can't be planted says why in `inapplicable`.
    """

    number: int
    title: str
    taxonomy: str
    why: str
    plants: Mapping[str, tuple[Plant, Plant]] = field(default_factory=dict)
    expects: Mapping[str, Expected] = field(default_factory=dict)
    inapplicable: str = ""
