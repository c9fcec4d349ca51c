"""Everything is training data; nothing is evaluated here."""

import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

history = pd.read_csv("history.csv")
scaler = StandardScaler()
X = scaler.fit_transform(history.drop(columns=["label"]))
model = LogisticRegression().fit(X, history["label"])
joblib.dump((scaler, model), "model.joblib")
