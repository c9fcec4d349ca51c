"""What libraries took away, one file a library, each with its `REMOVALS`."""

from __future__ import annotations

from functools import cache

from skills.upgrade.catalogue import lightgbm, numpy, pandas, scipy, sklearn, xgboost
from skills.upgrade.removal import Removal


@cache
def removals() -> tuple[Removal, ...]:
    """Every entry, by library; the first whose symptom is in a traceback is the one it means."""
    return tuple(entry for library in (lightgbm, numpy, pandas, scipy, sklearn, xgboost) for entry in library.REMOVALS)
