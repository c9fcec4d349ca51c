import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

patients = pd.read_csv("patients.csv")
patients["bmi"] = patients["bmi"].fillna(patients["bmi"].mean())
X = patients[["age", "bmi", "pressure"]]
X_train, X_test, y_train, y_test = train_test_split(X, patients["ill"])
clf = SVC()
clf.fit(X_train, y_train)
print(clf.score(X_test, y_test))
