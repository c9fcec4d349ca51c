import pandas as pd
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.preprocessing import MinMaxScaler

fraud = pd.read_csv("fraud.csv")
y = fraud.pop("is_fraud")
steps = Pipeline([("scale", MinMaxScaler()), ("balance", SMOTE()), ("forest", RandomForestClassifier())])
print(cross_val_score(steps, fraud, y, cv=StratifiedKFold(5), scoring="f1").mean())
