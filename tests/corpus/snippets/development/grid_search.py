import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

people = pd.read_csv("adult.csv")
X, y = people.drop("income", axis=1), people["income"]
numeric, categorical = ["age", "hours"], ["job", "sex"]
prep = ColumnTransformer(
    [
        ("num", Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())]), numeric),
        ("cat", OneHotEncoder(handle_unknown="ignore"), categorical),
    ]
)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y)
search = GridSearchCV(Pipeline([("prep", prep), ("clf", LogisticRegression())]), {"clf__C": [0.1, 1, 10]}, cv=5)
search.fit(X_train, y_train)
print(search.best_params_, search.score(X_test, y_test))
