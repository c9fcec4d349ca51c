"""The future is the label here; the features look back."""

import pandas as pd
from lightgbm import LGBMClassifier

prices = pd.read_csv("prices.csv", parse_dates=["date"], index_col="date").sort_index()
prices["ret_1"] = prices["close"].pct_change()
prices["ma_10"] = prices["close"].rolling(10).mean()
prices["target"] = (prices["close"].shift(-1) > prices["close"]).astype(int)
prices = prices.dropna()
split = int(len(prices) * 0.8)
train, test = prices.iloc[:split], prices.iloc[split:]
features = [c for c in prices.columns if c not in ("target", "close")]
model = LGBMClassifier().fit(train[features], train["target"])
print((model.predict(test[features]) == test["target"]).mean())
