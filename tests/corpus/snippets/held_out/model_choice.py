import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split

rides = pd.read_csv("rides.csv")
train, test = train_test_split(rides, test_size=0.2)
cols = ["distance", "hour"]
candidates = {"ridge": Ridge(), "forest": RandomForestRegressor()}
errors = {}
for name, candidate in candidates.items():
    candidate.fit(train[cols], train["fare"])
    errors[name] = mean_absolute_error(test["fare"], candidate.predict(test[cols]))
winner = min(errors, key=errors.get)
print(winner, errors[winner])
