import pandas as pd
from sklearn.linear_model import Ridge

load = pd.read_csv("load.csv", parse_dates=["ts"]).set_index("ts").sort_index()
X = pd.DataFrame(index=load.index)
X["smooth"] = load["mw"].rolling(window=24, center=True, min_periods=1).mean()
X["lag"] = load["mw"].shift(24)
X = X.fillna(0)
y = load["mw"]
X_train, X_test = X.loc[:"2022"], X.loc["2023":]
y_train, y_test = y.loc[:"2022"], y.loc["2023":]
ridge = Ridge()
ridge.fit(X_train, y_train)
print(ridge.score(X_test, y_test))
