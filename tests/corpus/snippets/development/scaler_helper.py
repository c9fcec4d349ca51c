"""Scaling inside a function that is called with every row."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def prepare(frame):
    values = frame.drop(columns=["churned"])
    return StandardScaler().fit_transform(values), frame["churned"]


customers = pd.read_csv("customers.csv")
X, y = prepare(customers)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=1)
model = LogisticRegression().fit(X_train, y_train)
print(model.score(X_test, y_test))
