"""A fold's periods as evidence and in words; what the time rules of the split say about a fold, they say with these."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.findings import Span
from workbench.pipeline.times import moment, short

if TYPE_CHECKING:
    from workbench.engine.sides import Hits, Sides
    from workbench.gates.facts import Audit


def fold_span(sides: Sides, index: int, late: Hits | None = None) -> Span:
    """The two periods of fold `index`; `late` limits the training side to rows whose label is known late.

    The needed gap lies between the last training and the first test target time: what the prediction is made ahead plus
    what a label is late.
    """
    train, test = (part[index] for part in sides.bounds())
    assert train.first is not None and test.first is not None and test.made is not None and test.last is not None
    last = late.facts["last"] if late else train.last
    known = late.facts["known"] if late else train.known
    assert last is not None and known is not None
    needed = (test.first - test.made) + (known - last)
    return Span(
        fold=index,
        train_start=iso(train.first),
        train_end=iso(last),
        train_known=iso(known),
        test_start=iso(test.made),
        test_end=iso(test.last),
        needed_gap=span_words(needed),
        found_gap=span_words(test.first - last),
    )


def iso(nanos: int) -> str:
    """Nanoseconds since 1970 as ISO 8601 in UTC, to the second."""
    return str(moment(nanos).strftime("%Y-%m-%dT%H:%M:%SZ"))


def minute(nanos: int) -> str:
    """Nanoseconds since 1970 as people read it, in UTC."""
    return str(moment(nanos).strftime("%Y-%m-%d %H:%M"))


def span_words(nanos: int) -> str:
    """A number of nanoseconds as a pandas duration."""
    return short(pd.Timedelta(int(nanos), unit="ns"))


def folds_words(indices: list[int], of: int) -> str:
    """`all 5 folds`, `fold 2`, `3 of 5 folds`."""
    if len(indices) == of:
        return f"all {of} folds" if of > 1 else "the only fold"
    return f"fold {indices[0]}" if len(indices) == 1 else f"{len(indices)} of {of} folds"


def usable(audit: Audit) -> list[int]:
    """Folds with rows on both sides; an empty one has its own rule."""
    return [i for i, fold in enumerate(audit.folds) if len(fold.train) and len(fold.test)]
