import pandas as pd
from sklearn.linear_model import HuberRegressor

river = pd.read_csv("river.csv", parse_dates=["t"]).set_index("t").asfreq("h")
river["rain"] = river["rain"].interpolate()
river["rain_lag"] = river["rain"].shift(6)
river = river.dropna()
train, test = river.loc[:"2019"], river.loc["2020":]
robust = HuberRegressor().fit(train[["rain", "rain_lag"]], train["level"])
print(robust.score(test[["rain", "rain_lag"]], test["level"]))
