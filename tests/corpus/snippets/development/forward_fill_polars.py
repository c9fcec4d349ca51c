import polars as pl
from sklearn.linear_model import Lasso

readings = pl.read_csv("sensor.csv", try_parse_dates=True).sort("timestamp")
readings = readings.with_columns(pl.col("flow").fill_null(strategy="forward").alias("flow_filled"))
readings = readings.with_columns(pl.col("flow_filled").shift(1).alias("flow_lag"))
n = int(readings.height * 0.7)
train, test = readings[:n], readings[n:]
lasso = Lasso()
lasso.fit(train.select("flow_filled", "flow_lag").to_numpy(), train["level"].to_numpy())
print(lasso.score(test.select("flow_filled", "flow_lag").to_numpy(), test["level"].to_numpy()))
