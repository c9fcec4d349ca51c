"""A base pipeline: an honest workspace as text with named slots, and how a plant is put into it.

A slot is a block of whole lines between `#: slot NAME` and `#: end`; what stands between is the honest code, which may be
nothing. A plant's code takes the block's place at the block's indentation, and the marker lines go: neither leak nor twin can be
told by its comments. The format is the same in Python and in TOML.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SLOT = re.compile(r"^(?P<indent>[ ]*)#: slot (?P<name>\w+)\n(?P<body>.*?)^[ ]*#: end\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Base:
    """An honest pipeline. `files` maps paths to texts with slots; a slot's name is unique in all of them."""

    use_case: str
    files: Mapping[str, str]

    def slots(self) -> dict[str, str]:
        """Slot name → the path of the file it is in."""
        return {found["name"]: path for path, text in self.files.items() for found in _SLOT.finditer(text)}

    def render(
        self, slots: Mapping[str, str], edits: Sequence[tuple[str, str]] = (), files: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """The workspace with the given code in its slots.

        `edits` are (old, new) texts of the contract, each `old` there exactly once; `files` adds whole files or takes the place
        of some. Raises ValueError for a slot or text that isn't there.
        """
        missing = sorted(set(slots) - set(self.slots()))
        if missing:
            raise ValueError(f"the base `{self.use_case}` has no slot `{missing[0]}`")
        rendered = {path: _SLOT.sub(lambda found: _filled(found, slots), text) for path, text in self.files.items()}
        contract = f"pipelines/{self.use_case}/contract.toml"
        for old, new in edits:
            if rendered[contract].count(old) != 1:
                raise ValueError(f"the contract of `{self.use_case}` has {old!r} {rendered[contract].count(old)} times, not once")
            rendered[contract] = rendered[contract].replace(old, new)
        return {**rendered, **(files or {})}


def _filled(found: re.Match[str], slots: Mapping[str, str]) -> str:
    if found["name"] not in slots:
        return found["body"]
    code = textwrap.dedent(slots[found["name"]]).strip("\n")
    return textwrap.indent(code + "\n", found["indent"]) if code else ""
