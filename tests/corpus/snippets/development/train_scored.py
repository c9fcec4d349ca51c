import pandas as pd
from sklearn.metrics import accuracy_score
from sklearn.tree import DecisionTreeClassifier

iris = pd.read_csv("iris.csv")
X, y = iris.iloc[:, :4], iris["species"]
tree = DecisionTreeClassifier()
tree.fit(X, y)
print("accuracy:", accuracy_score(y, tree.predict(X)))
