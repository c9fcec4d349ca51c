import pandas as pd
import xgboost as xgb
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

loans = pd.read_csv("loans.csv")
X, y = loans.drop(columns="default"), loans["default"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2)
booster = xgb.XGBClassifier(n_estimators=5000, early_stopping_rounds=50)
booster.fit(X_train, y_train, eval_set=[(X_test, y_test)], verbose=False)
print(roc_auc_score(y_test, booster.predict_proba(X_test)[:, 1]))
