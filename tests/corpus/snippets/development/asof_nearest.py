import pandas as pd
from sklearn.linear_model import LinearRegression

trades = pd.read_csv("trades.csv", parse_dates=["time"]).sort_values("time")
quotes = pd.read_csv("quotes.csv", parse_dates=["time"]).sort_values("time")
joined = pd.merge_asof(trades, quotes, on="time", by="ticker", direction="nearest")
train, test = joined[joined.time < "2024"], joined[joined.time >= "2024"]
fit = LinearRegression().fit(train[["bid", "ask"]], train["impact"])
print(fit.score(test[["bid", "ask"]], test["impact"]))
