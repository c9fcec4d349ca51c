"""The price plan is fixed weeks ahead, so its future is known."""

import lightgbm as lgb
import pandas as pd

shop = pd.read_csv("shop.csv", parse_dates=["day"]).sort_values(["store", "day"])
by_store = shop.groupby("store")
shop["sold_week_ago"] = by_store["sold"].shift(7)
shop["price_plan_next"] = by_store["price_plan"].shift(-7)
shop["promo_scheduled"] = by_store["promo_scheduled"].shift(-7)
shop = shop.dropna()
train, test = shop[shop.day < "2023-06-01"], shop[shop.day >= "2023-06-08"]
used = ["sold_week_ago", "price_plan_next", "promo_scheduled"]
model = lgb.LGBMRegressor().fit(train[used], train["sold"])
print(abs(model.predict(test[used]) - test["sold"]).mean())
