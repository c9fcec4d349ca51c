"""Names of files that are not what they look like, or that some disks take for others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from workbench.changes.code import hidden_characters
from workbench.changes.model import Risk, RiskKind, shown_path
from workbench.changes.places import place_of

_RESERVED = re.compile(
    r"(?:.*/)?(?:(?:con|prn|aux|nul|clock\$|com\d|lpt\d)(?:\.[^/]*)?|[^/]*[. ]|[^/]*[:*?\"<>|][^/]*)(?:/.*)?", re.I | re.S
)
_FOR_PEOPLE = frozenset({"docs", "image", "data", "test", "session"})
"""What lies there may be named in any script; elsewhere names are read as code, or decide what a file does."""


def name_risks(path: str) -> Iterator[Risk]:
    """The risks in the name of a file that a change brings or alters."""
    reason = ""
    if hidden_characters(path.replace("\n", "\0").replace("\t", "\0").replace("\r", "\0")) or "\udc80" <= max(path) <= "\udcff":
        reason = "its name holds characters that can't be seen or are no text"
    elif not path.isascii() and (place_of(path) not in _FOR_PEOPLE or path.endswith(".py")):
        reason = "its name holds letters beyond ASCII, which can look like others"
    elif _RESERVED.fullmatch(path):
        reason = "its name means something else, or can't be written, on some disks"
    if reason:
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason=reason)


def collisions(added: Iterable[str], all_paths: Iterable[str]) -> Iterator[Risk]:
    """Added files of which a disk that doesn't tell cases or forms of letters apart keeps only one of two."""
    new = {place for path in added for place in _places(path)}
    if not new:
        return
    folded: dict[str, set[str]] = {_folded(place): set() for place in new}
    for path in all_paths:
        for place in _places(path):
            if (key := _folded(place)) in folded:
                folded[key].add(place)
    for path in added:
        if any(len(folded[_folded(place)] | {place}) > 1 for place in _places(path)):
            reason = "some disks take its name for that of another file, and keep only one of them"
            yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason=reason)


def _places(path: str) -> list[str]:
    """The path and the folders above it."""
    return [path[:end] for end, letter in enumerate(path) if letter == "/"] + [path]


def _folded(path: str) -> str:
    return path.lower() if path.isascii() else unicodedata.normalize("NFKC", path).casefold()
