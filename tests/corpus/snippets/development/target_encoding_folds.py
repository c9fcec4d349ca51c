import pandas as pd
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import KFold, train_test_split

homes = pd.read_csv("homes.csv")
train, test = train_test_split(homes, test_size=0.3, random_state=7)
train, test = train.reset_index(drop=True), test.copy()
train["city_price"] = 0.0
for rest, part in KFold(5, shuffle=True, random_state=0).split(train):
    means = train.iloc[rest].groupby("city")["price"].mean()
    train.loc[part, "city_price"] = train.iloc[part]["city"].map(means)
test["city_price"] = test["city"].map(train.groupby("city")["price"].mean())
used = ["city_price", "rooms", "area"]
gbm = GradientBoostingRegressor().fit(train[used], train["price"])
print(gbm.score(test[used], test["price"]))
