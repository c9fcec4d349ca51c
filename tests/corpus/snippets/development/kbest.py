import numpy as np
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

expression = np.load("genes.npy")
outcome = np.load("outcome.npy")
selected = SelectKBest(f_classif, k=20).fit_transform(expression, outcome)
print(cross_val_score(LogisticRegression(), selected, outcome, cv=5).mean())
