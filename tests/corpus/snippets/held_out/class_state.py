"""A class that keeps the scaled table in its state."""

import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import RobustScaler


class Experiment:
    def __init__(self, path):
        self.table = pd.read_csv(path)
        self.scaler = RobustScaler()

    def load(self):
        self.y = self.table["grade"]
        self.X = self.scaler.fit_transform(self.table.drop("grade", axis=1))
        return self

    def evaluate(self):
        parts = train_test_split(self.X, self.y, test_size=0.3)
        model = ExtraTreesClassifier()
        model.fit(parts[0], parts[2])
        return model.score(parts[1], parts[3])


print(Experiment("wine.csv").load().evaluate())
