import numpy as np
import pandas as pd
from sklearn.linear_model import PoissonRegressor

policies = pd.read_csv("policies.csv")
policies["age_bin"] = pd.qcut(policies["age"], 10, labels=False)
policies["value_rank"] = policies["value"].rank(pct=True)
rng = np.random.default_rng(0)
held = rng.random(len(policies)) < 0.2
train, test = policies[~held], policies[held]
glm = PoissonRegressor()
glm.fit(train[["age_bin", "value_rank"]], train["claims"])
print(glm.score(test[["age_bin", "value_rank"]], test["claims"]))
