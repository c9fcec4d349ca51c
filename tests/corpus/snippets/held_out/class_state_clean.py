import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import RobustScaler


class Experiment:
    def __init__(self, path):
        self.table = pd.read_csv(path)
        self.scaler = RobustScaler()

    def load(self):
        self.X_train, self.X_test, self.y_train, self.y_test = train_test_split(
            self.table.drop("grade", axis=1), self.table["grade"], test_size=0.3
        )
        return self

    def evaluate(self):
        model = ExtraTreesClassifier()
        model.fit(self.scaler.fit_transform(self.X_train), self.y_train)
        return model.score(self.scaler.transform(self.X_test), self.y_test)


print(Experiment("wine.csv").load().evaluate())
