"""Stage metrics: the errors of one fold, in minutes of mean delay. The metric gate recomputes the primary one itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd


def score(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, frame: pd.DataFrame) -> dict[str, float]:
    """`mae` and `rmse` in minutes, `wape` as a share of the absolute delay; every airport and hour weighs the same."""
    truth = np.asarray(y_true, dtype="float64")
    error = np.asarray(y_pred, dtype="float64") - truth
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "wape": float(np.abs(error).sum() / np.abs(truth).sum()),
    }
