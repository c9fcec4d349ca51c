"""The step is negative only after it has been through a variable."""

import lightgbm as lgb
import pandas as pd

HORIZON = 3


def add(frame, column, step):
    frame[f"{column}_{step}"] = frame[column].shift(step)
    return frame


wind = pd.read_csv("wind.csv", parse_dates=["time"], index_col="time")
wind = add(wind, "speed", 24)
wind = add(wind, "speed", -HORIZON)
wind = wind.dropna()
past, later = wind[:"2021-12-31"], wind["2022-01-01":]
inputs = [c for c in wind.columns if c != "power"]
model = lgb.train({"objective": "l2"}, lgb.Dataset(past[inputs], label=past["power"]), 200)
print(((model.predict(later[inputs]) - later["power"]) ** 2).mean())
