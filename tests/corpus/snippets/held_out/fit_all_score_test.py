import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

cars = pd.read_csv("cars.csv")
X, y = cars[["hp", "weight"]], cars["mpg"]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=11)
model = Ridge()
model.fit(X, y)
print("R2 on test:", model.score(X_test, y_test))
