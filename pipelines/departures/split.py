"""Stage split: walk-forward folds. Each of the last four months is predicted by a model trained on what was known before it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from .schema import HORIZON, LABEL_KNOWN_AFTER, ZONE

MONTHS = 4
Positions = np.ndarray[Any, np.dtype[np.int64]]


def folds(frame: pd.DataFrame) -> list[tuple[Positions, Positions]]:
    """(train, test) as integer positions, oldest test month first; rows without a label are in neither."""
    hours = frame["target_hour"]
    labelled = frame["delay"].notna()
    pairs = []
    for start, end in _last_months(hours[labelled]):
        test = labelled & (hours >= start) & (hours < end)
        # A label that isn't known when the first test prediction is made can't have been trained on.
        train = labelled & (hours + LABEL_KNOWN_AFTER <= start - HORIZON)
        pairs.append((np.flatnonzero(train), np.flatnonzero(test)))
    return pairs


def _last_months(hours: pd.Series) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Begin and end of the last months that have labels, on the airports' clock."""
    if hours.empty:
        return []
    last = hours.max().tz_convert(ZONE).tz_localize(None).to_period("M")
    edges = [(last - back).to_timestamp().tz_localize(ZONE) for back in range(MONTHS - 1, -2, -1)]
    return list(pairwise(edges))
