"""A trading signal that looks one bar ahead."""

import pandas as pd


def signals(bars: pd.DataFrame) -> pd.DataFrame:
    bars = bars.copy()
    bars["signal"] = 0
    for i in range(len(bars) - 1):
        if bars["close"].iloc[i + 1] > bars["close"].iloc[i]:
            bars.loc[bars.index[i], "signal"] = 1
    return bars
