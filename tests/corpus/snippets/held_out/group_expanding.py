import pandas as pd
from catboost import CatBoostRegressor

orders = pd.read_csv("orders.csv", parse_dates=["placed"])
orders = orders.sort_values("placed")
orders["usual_basket"] = orders.groupby("customer")["basket"].transform(lambda s: s.shift(1).expanding().mean())
limit = orders["placed"].quantile(0.8)
train = orders.loc[orders["placed"] <= limit]
test = orders.loc[orders["placed"] > limit]
cat = CatBoostRegressor(verbose=0)
cat.fit(train[["usual_basket", "hour"]], train["minutes"])
print(cat.score(test[["usual_basket", "hour"]], test["minutes"]))
