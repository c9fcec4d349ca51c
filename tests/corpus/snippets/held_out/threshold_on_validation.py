import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

calls = pd.read_csv("calls.csv")
rest, test = train_test_split(calls, test_size=0.2)
train, valid = train_test_split(rest, test_size=0.2)
columns = calls.columns.drop("answered")
model = HistGradientBoostingClassifier().fit(train[columns], train["answered"])
probability = model.predict_proba(valid[columns])[:, 1]
cuts = np.linspace(0.05, 0.95, 19)
cut = max(cuts, key=lambda c: f1_score(valid["answered"], probability > c))
print(f1_score(test["answered"], model.predict_proba(test[columns])[:, 1] > cut))
