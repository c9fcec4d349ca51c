"""Which rows an evaluation was tested on, by their content. How they are read off a run is in `pipeline/heldout.py`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SKETCH = 128
"""Rows that are kept as a sample: those with the smallest hashes."""
SAME = 0.5

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class HeldOut(BaseModel):
    """Test rows: a digest of their keys and outcomes fold by fold, how many they are, and a sample of their hashes, sorted.

    `tables` is the digest of the source tables that they came from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: Sha256
    rows: Annotated[int, Field(ge=0)]
    sketch: list[int] = Field(default_factory=list)
    tables: Sha256

    def same_as(self, other: HeldOut) -> bool:
        """Whether half of the smaller test set is in the other: who moves the test by a day looks at the same rows again.

        Estimated from the two samples (bottom-k sketches: of the smallest hashes of both, how many both have).
        """
        if self.digest == other.digest:
            return True
        smaller = min(self.rows, other.rows)
        if not smaller or not self.sketch or not other.sketch:
            return False
        mine, theirs = set(self.sketch), set(other.sketch)
        lowest = sorted(mine | theirs)[: min(SKETCH, max(len(mine), len(theirs)))]
        shared = sum(row in mine and row in theirs for row in lowest) / len(lowest)
        common = shared * (self.rows + other.rows) / (1 + shared)
        return common >= SAME * smaller
