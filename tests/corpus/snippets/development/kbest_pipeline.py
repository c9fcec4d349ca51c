import numpy as np
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

expression = np.load("genes.npy")
outcome = np.load("outcome.npy")
model = make_pipeline(SelectKBest(f_classif, k=20), LogisticRegression())
print(cross_val_score(model, expression, outcome, cv=5).mean())
