import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import train_test_split
from sklearn.utils import resample

claims = pd.read_csv("claims.csv")
rare = claims[claims.fraud == 1]
common = claims[claims.fraud == 0]
rare_up = resample(rare, replace=True, n_samples=len(common), random_state=5)
balanced = pd.concat([common, rare_up])
X_train, X_test, y_train, y_test = train_test_split(balanced.drop("fraud", axis=1), balanced.fraud)
lr = LogisticRegression(max_iter=500)
lr.fit(X_train, y_train)
print(recall_score(y_test, lr.predict(X_test)))
