"""Statistics are printed, not used; what is used is computed row by row."""

import numpy as np
import pandas as pd
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import train_test_split

policies = pd.read_csv("policies.csv")
print(policies["age"].mean(), policies["value"].describe())
policies["log_value"] = np.log1p(policies["value"])
policies["age_bin"] = pd.cut(policies["age"], [0, 18, 30, 50, 70, 120], labels=False)
policies = pd.get_dummies(policies.drop_duplicates().dropna(), columns=["region"])
train, test = train_test_split(policies, test_size=0.2, random_state=2)
inputs = [c for c in policies.columns if c not in {"claims", "policy_id"}]
glm = PoissonRegressor().fit(train[inputs], train["claims"])
print(glm.score(test[inputs], test["claims"]))
