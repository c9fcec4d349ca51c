"""A fold's periods as evidence and in words; what the time rules of the split say about a fold, they say with these."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.findings import Span
from workbench.gates.facts import Audit, Ints
from workbench.pipeline.times import moment, short


def fold_span(audit: Audit, index: int, train: Ints | None = None) -> Span:
    """The two periods of fold `index`; `train` limits the training side to some of its rows.

    The needed gap lies between the last training and the first test target time: what the prediction is made ahead plus
    what a label is late.
    """
    fold, times = audit.folds[index], audit.times
    rows = fold.train if train is None else train
    first = int(times.prediction[fold.test].min())
    first_target = int(times.target[fold.test].min())
    last, known = int(times.target[rows].max()), int(times.known[rows].max())
    needed = (first_target - first) + (known - last)
    return Span(
        fold=index,
        train_start=iso(int(times.target[fold.train].min())),
        train_end=iso(last),
        train_known=iso(known),
        test_start=iso(first),
        test_end=iso(int(times.target[fold.test].max())),
        needed_gap=span_words(needed),
        found_gap=span_words(first_target - last),
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


def order_broken(audit: Audit, index: int) -> Ints:
    """Positions of training rows of a fold that are about the first test row's time or later."""
    fold, times = audit.folds[index], audit.times
    train = np.unique(fold.train)
    late: Ints = train[times.target[train] >= times.target[fold.test].min()]
    return late
