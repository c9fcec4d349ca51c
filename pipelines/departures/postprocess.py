"""Stage postprocess: the rules of the business, applied to what the model says before anyone sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

# The mean delay of an hour lay between -23 and 280 minutes in 2013, 999 in 1,000 of them below 177.
EARLIEST, LATEST = -20.0, 180.0
# The airports schedule departures from 05:00 to 23:59 on their own clock.
OPENS = 5
AT_NIGHT = 0.0


def apply(predictions: npt.ArrayLike, frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Minutes of mean delay, one per row: kept within what is plausible, and on time where nothing regular is scheduled.

    A row between midnight and 05:00 is a one-off flight (one in 2013, cancelled); no forecast is made of it.
    """
    plausible = np.clip(np.asarray(predictions, dtype="float64"), EARLIEST, LATEST)
    return np.where(frame["local_hour"].to_numpy() < OPENS, AT_NIGHT, plausible)
