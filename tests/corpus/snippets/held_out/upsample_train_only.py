import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import train_test_split
from sklearn.utils import resample

claims = pd.read_csv("claims.csv")
train, test = train_test_split(claims, stratify=claims.fraud)
rare, common = train[train.fraud == 1], train[train.fraud == 0]
balanced = pd.concat([common, resample(rare, replace=True, n_samples=len(common))])
lr = LogisticRegression(max_iter=500)
lr.fit(balanced.drop("fraud", axis=1), balanced.fraud)
print(recall_score(test.fraud, lr.predict(test.drop("fraud", axis=1))))
