"""Where two JSON values first differ: what a replay compares, and what it leaves out.

Times, costs and counts of work differ from run to run and machine to machine and say nothing about the answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INCIDENTAL = frozenset({"seconds", "cost", "runs", "opened", "detail"})
"""Keys that are left out at any depth: durations, costs, counts of runs, and what names places of one machine."""

_MARK = re.compile(r"\[redacted:[a-z-]+\]")
_ABSENT = "(absent)"


@dataclass(frozen=True)
class Difference:
    """The first difference: a JSON pointer (RFC 6901) and both values; `(absent)` where a side has nothing there."""

    pointer: str
    recorded: Any
    replayed: Any


def first_difference(recorded: Any, replayed: Any, pointer: str = "") -> Difference | None:
    """The first difference in the order of keys and items, or None.

    Incidental keys are left out. A text in which a secret was taken out on record equals any text around the gap.
    """
    if isinstance(recorded, Mapping) and isinstance(replayed, Mapping):
        for key in sorted({*recorded, *replayed} - INCIDENTAL):
            here = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in recorded or key not in replayed:
                return Difference(here, recorded.get(key, _ABSENT), replayed.get(key, _ABSENT))
            found = first_difference(recorded[key], replayed[key], here)
            if found is not None:
                return found
        return None
    if isinstance(recorded, list) and isinstance(replayed, list):
        for index in range(max(len(recorded), len(replayed))):
            here = f"{pointer}/{index}"
            if index >= len(recorded):
                return Difference(here, _ABSENT, replayed[index])
            if index >= len(replayed):
                return Difference(here, recorded[index], _ABSENT)
            found = first_difference(recorded[index], replayed[index], here)
            if found is not None:
                return found
        return None
    return None if _same(recorded, replayed) else Difference(pointer, recorded, replayed)


def without_incidental(value: Any) -> Any:
    """A JSON value without its incidental keys, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_incidental(inner) for key, inner in value.items() if key not in INCIDENTAL}
    if isinstance(value, list):
        return [without_incidental(inner) for inner in value]
    return value


def _same(recorded: Any, replayed: Any) -> bool:
    if isinstance(recorded, bool) or isinstance(replayed, bool):
        return recorded is replayed
    if isinstance(recorded, float) and isinstance(replayed, float) and math.isnan(recorded):
        return math.isnan(replayed)
    if isinstance(recorded, str) and isinstance(replayed, str) and "[redacted:" in recorded:
        around = _MARK.split(recorded)
        return re.fullmatch(".*".join(re.escape(part) for part in around), replayed, re.DOTALL) is not None
    return bool(recorded == replayed)
