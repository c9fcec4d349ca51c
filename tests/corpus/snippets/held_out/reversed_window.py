import pandas as pd
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import TimeSeriesSplit, cross_val_score

visits = pd.read_csv("visits.csv", index_col=0, parse_dates=True)
frame = pd.DataFrame({"lag7": visits["n"].shift(7)})
frame["coming_week"] = visits["n"][::-1].rolling(7).sum()[::-1]
frame["n"] = visits["n"]
frame = frame.dropna()
print(cross_val_score(ElasticNet(), frame[["lag7", "coming_week"]], frame["n"], cv=TimeSeriesSplit(5)))
