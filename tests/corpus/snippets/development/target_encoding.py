import pandas as pd
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import train_test_split

homes = pd.read_csv("homes.csv")
by_city = homes.groupby("city")["price"].mean()
homes["city_price"] = homes["city"].map(by_city)
train, test = train_test_split(homes, test_size=0.3, random_state=7)
used = ["city_price", "rooms", "area"]
gbm = GradientBoostingRegressor()
gbm.fit(train[used], train["price"])
print(gbm.score(test[used], test["price"]))
