import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

patients = pd.read_csv("patients.csv")
train, test = train_test_split(patients, random_state=3)
train, test = train.copy(), test.copy()
mean = train["bmi"].mean()
for part in (train, test):
    part["bmi"] = part["bmi"].fillna(mean)
columns = ["age", "bmi", "pressure"]
clf = SVC()
clf.fit(train[columns], train["ill"])
print(clf.score(test[columns], test["ill"]))
