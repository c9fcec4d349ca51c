import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import train_test_split

demand = pd.read_csv("demand.csv", parse_dates=["hour"]).sort_values("hour")
for lag in (1, 24, 168):
    demand[f"lag_{lag}"] = demand["load"].shift(lag)
demand = demand.dropna()
X = demand[["lag_1", "lag_24", "lag_168"]]
y = demand["load"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, shuffle=False)
forest = RandomForestRegressor().fit(X_train, y_train)
print(forest.score(X_test, y_test))
