import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import KFold, cross_val_score

bars = pd.read_csv("btc.csv", index_col="timestamp", parse_dates=["timestamp"])
bars["momentum"] = bars["close"].pct_change(12)
bars["vol"] = bars["close"].pct_change().rolling(48).std()
bars["up"] = np.where(bars["close"].shift(-1) > bars["close"], 1, 0)
bars = bars.dropna()
folds = KFold(n_splits=5, shuffle=True, random_state=0)
print(cross_val_score(RandomForestClassifier(), bars[["momentum", "vol"]], bars["up"], cv=folds).mean())
