import pandas as pd
from lightgbm import LGBMRegressor

sales = pd.read_parquet("sales.parquet").sort_values(["store", "day"])
sales["last_week"] = sales.groupby("store")["units"].shift(7)
sales["traffic_ahead"] = sales.groupby("store")["traffic"].shift(-1)
cut = pd.Timestamp("2023-01-01")
train, test = sales[sales["day"] < cut], sales[sales["day"] >= cut]
columns = ["last_week", "traffic_ahead"]
model = LGBMRegressor().fit(train[columns], train["units"])
print(abs(model.predict(test[columns]) - test["units"]).mean())
