import pandas as pd
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

iris = pd.read_csv("iris.csv")
X_train, X_test, y_train, y_test = train_test_split(iris.iloc[:, :4], iris["species"])
tree = DecisionTreeClassifier()
tree.fit(X_train, y_train)
print("train accuracy:", accuracy_score(y_train, tree.predict(X_train)))
print("test accuracy:", accuracy_score(y_test, tree.predict(X_test)))
tree.fit(iris.iloc[:, :4], iris["species"])
