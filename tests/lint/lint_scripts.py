# ruff: noqa: E501
"""Whole scripts in many styles, leaking and clean: regressions of what was once missed or wrongly reported."""

from __future__ import annotations

SCRIPTS: list[tuple[str, bool, str]] = []


def leak(name: str, code: str) -> None:
    SCRIPTS.append((name, True, code))


def clean(name: str, code: str) -> None:
    SCRIPTS.append((name, False, code))


B = "import numpy as np\nimport pandas as pd\nfrom sklearn.preprocessing import *\nfrom sklearn.model_selection import *\nfrom sklearn.linear_model import *\nfrom sklearn.ensemble import *\nfrom sklearn.metrics import *\nfrom sklearn.decomposition import PCA\nfrom sklearn.cluster import KMeans\nfrom sklearn.utils import resample\n"
leak(
    "main guard",
    B
    + """
def load():
    return pd.read_csv("x.csv")
def main():
    df = load()
    y = df.pop("y")
    scaled = StandardScaler().fit_transform(df)
    tr, te, ytr, yte = train_test_split(scaled, y)
    model = LogisticRegression()
    model.fit(tr, ytr)
    print(f1_score(yte, model.predict(te)))
if __name__ == "__main__":
    main()
""",
)
clean(
    "main guard clean",
    B
    + """
def main():
    df = pd.read_csv("x.csv")
    y = df.pop("y")
    tr, te, ytr, yte = train_test_split(df, y)
    sc = StandardScaler()
    tr = sc.fit_transform(tr); te = sc.transform(te)
    model = LogisticRegression()
    model.fit(tr, ytr)
    print(f1_score(yte, model.predict(te)))
if __name__ == "__main__":
    main()
""",
)
leak(
    "split by index",
    B
    + """
df = pd.read_csv("x.csv")
num = df.select_dtypes("number").columns
df[num] = MinMaxScaler().fit_transform(df[num])
train_idx, test_idx = train_test_split(np.arange(len(df)), test_size=.3)
m = RandomForestClassifier().fit(df.iloc[train_idx].drop("y", axis=1), df.y.iloc[train_idx])
print(m.score(df.iloc[test_idx].drop("y", axis=1), df.y.iloc[test_idx]))
""",
)
clean(
    "split by index clean",
    B
    + """
df = pd.read_csv("x.csv")
train_idx, test_idx = train_test_split(df.index, test_size=.3)
train, test = df.loc[train_idx], df.loc[test_idx]
sc = MinMaxScaler().fit(train[["a"]])
m = RandomForestClassifier().fit(sc.transform(train[["a"]]), train.y)
print(m.score(sc.transform(test[["a"]]), test.y))
""",
)
leak(
    "group shuffle next",
    B
    + """
df = pd.read_csv("x.csv")
df["a"] = (df.a - df.a.mean()) / df.a.std()
tr, te = next(GroupShuffleSplit(1).split(df, groups=df.g))
m = Ridge().fit(df.iloc[tr][["a"]], df.iloc[tr].y)
print(m.score(df.iloc[te][["a"]], df.iloc[te].y))
""",
)
leak(
    "year split",
    B
    + """
df = pd.read_csv("x.csv")
df["te"] = df.groupby("team").goals.transform("mean")
train = df[df.year <= 2018]; test = df[df.year == 2019]
m = PoissonRegressor().fit(train[["te"]], train.goals)
print(mean_poisson_deviance(test.goals, m.predict(test[["te"]])))
""",
)
clean(
    "year split clean",
    B
    + """
df = pd.read_csv("x.csv")
train = df[df.year <= 2018].copy(); test = df[df.year == 2019].copy()
means = train.groupby("team").shots.mean()
for part in [train, test]:
    part["ms"] = part.team.map(means)
m = PoissonRegressor().fit(train[["ms"]], train.goals)
print(mean_poisson_deviance(test.goals, m.predict(test[["ms"]])))
""",
)
leak(
    "pipe",
    """
import pandas as pd
from lightgbm import LGBMRegressor
def lags(d, k): return d.assign(**{f"lag{k}": d.groupby("id").v.shift(k)})
def lead(d): return d.assign(soon=lambda z: z.groupby("id").v.shift(-1))
df = pd.read_parquet("p.parquet").sort_values("time").pipe(lags, 1).pipe(lead)
tr, te = df.query("time < '2020'"), df.query("time >= '2020'")
m = LGBMRegressor().fit(tr[["lag1", "soon"]], tr.target)
print(((m.predict(te[["lag1", "soon"]]) - te.target)**2).mean())
""",
)
clean(
    "pipe clean",
    """
import pandas as pd
from lightgbm import LGBMRegressor
def lags(d, k): return d.assign(**{f"lag{k}": d.groupby("id").v.shift(k)})
df = pd.read_parquet("p.parquet").sort_values("time").pipe(lags, 1).assign(target=lambda z: z.groupby("id").v.shift(-1))
tr, te = df.query("time < '2020'"), df.query("time >= '2020'")
m = LGBMRegressor().fit(tr[["lag1"]], tr.target)
print(((m.predict(te[["lag1"]]) - te.target)**2).mean())
""",
)
leak(
    "lstm scaled",
    """
import numpy as np, pandas as pd
from sklearn.preprocessing import MinMaxScaler
from keras.models import Sequential
from keras.layers import LSTM, Dense
df = pd.read_csv("stock.csv")
data = df.filter(["Close"]).values
scaler = MinMaxScaler(feature_range=(0,1))
scaled = scaler.fit_transform(data)
n = int(len(data)*.8)
train = scaled[0:n, :]
x, y = [], []
for i in range(60, len(train)):
    x.append(train[i-60:i, 0]); y.append(train[i, 0])
x, y = np.array(x), np.array(y)
model = Sequential(); model.add(LSTM(50)); model.add(Dense(1)); model.compile(loss="mse")
model.fit(x, y, epochs=1)
test = scaled[n-60:, :]
xt = []
for i in range(60, len(test)):
    xt.append(test[i-60:i, 0])
pred = model.predict(np.array(xt))
print(np.sqrt(np.mean((scaler.inverse_transform(pred) - data[n:])**2)))
""",
)
clean(
    "lstm clean",
    """
import numpy as np, pandas as pd
from sklearn.preprocessing import MinMaxScaler
from keras.models import Sequential
from keras.layers import LSTM, Dense
df = pd.read_csv("stock.csv")
data = df.filter(["Close"]).values
n = int(len(data)*.8)
scaler = MinMaxScaler().fit(data[:n])
scaled = scaler.transform(data)
def windows(a, w):
    return np.array([a[i-w:i, 0] for i in range(w, len(a))]), np.array([a[i, 0] for i in range(w, len(a))])
x, y = windows(scaled[:n], 60)
xt, yt = windows(scaled[n:], 60)
model = Sequential([LSTM(50), Dense(1)]); model.compile(loss="mse")
model.fit(x, y, epochs=1)
print(model.evaluate(xt, yt))
""",
)
leak(
    "class pipeline",
    B
    + """
class Trainer:
    def __init__(self, df): self.df = df
    def clean(self):
        self.df = self.df.fillna(self.df.median()); return self
    def split(self):
        self.train, self.test = train_test_split(self.df, test_size=.2); return self
    def fit(self):
        self.model = RandomForestRegressor().fit(self.train.drop("y", axis=1), self.train["y"]); return self
    def report(self):
        return mean_absolute_error(self.test["y"], self.model.predict(self.test.drop("y", axis=1)))
print(Trainer(pd.read_csv("a.csv")).clean().split().fit().report())
""",
)
clean(
    "class pipeline clean",
    B
    + """
class Trainer:
    def __init__(self, df): self.df = df
    def split(self):
        self.train, self.test = train_test_split(self.df, test_size=.2); return self
    def clean(self):
        med = self.train.median()
        self.train, self.test = self.train.fillna(med), self.test.fillna(med); return self
    def fit(self):
        self.model = RandomForestRegressor().fit(self.train.drop("y", axis=1), self.train["y"]); return self
    def report(self):
        return mean_absolute_error(self.test["y"], self.model.predict(self.test.drop("y", axis=1)))
print(Trainer(pd.read_csv("a.csv")).split().clean().fit().report())
""",
)
leak(
    "dict return",
    B
    + """
def prep(df):
    X = df.drop(columns=["y"]); y = df["y"]
    X = pd.DataFrame(RobustScaler().fit_transform(X), columns=X.columns)
    a, b, c, d = train_test_split(X, y)
    return {"X_train": a, "X_test": b, "y_train": c, "y_test": d}
parts = prep(pd.read_csv("f"))
m = LogisticRegression().fit(parts["X_train"], parts["y_train"])
print(classification_report(parts["y_test"], m.predict(parts["X_test"])))
""",
)
leak(
    "uncalled experiment function",
    B
    + """
def experiment(df):
    X = df.drop(columns=["y"]).values; y = df["y"].values
    X = StandardScaler().fit_transform(X)
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    return LogisticRegression().fit(X_train, y_train).score(X_test, y_test)
""",
)
clean(
    "uncalled experiment clean",
    B
    + """
def experiment(df):
    X = df.drop(columns=["y"]).values; y = df["y"].values
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    s = StandardScaler().fit(X_train)
    return LogisticRegression().fit(s.transform(X_train), y_train).score(s.transform(X_test), y_test)
def train(X, y):
    m = LogisticRegression().fit(X, y)
    print("training accuracy", m.score(X, y))
    return m
""",
)
leak(
    "torch random_split",
    """
import torch, numpy as np
from torch.utils.data import TensorDataset, random_split, DataLoader
from sklearn.preprocessing import StandardScaler
X = StandardScaler().fit_transform(np.load("x.npy")); y = np.load("y.npy")
ds = TensorDataset(torch.tensor(X), torch.tensor(y))
train_ds, test_ds = random_split(ds, [800, 200])
for xb, yb in DataLoader(train_ds): pass
""",
)
leak(
    "torch best epoch on test",
    """
import torch, numpy as np
from sklearn.model_selection import train_test_split
from torch import nn
X, y = np.load("x.npy"), np.load("y.npy")
X_train, X_test, y_train, y_test = train_test_split(X, y)
net = nn.Linear(3, 1); opt = torch.optim.Adam(net.parameters())
best = 1e9
for epoch in range(100):
    loss = nn.functional.mse_loss(net(torch.tensor(X_train)), torch.tensor(y_train)); loss.backward(); opt.step()
    test_loss = nn.functional.mse_loss(net(torch.tensor(X_test)), torch.tensor(y_test)).item()
    if test_loss < best:
        best = test_loss
        torch.save(net.state_dict(), "best.pt")
print(best)
""",
)
leak(
    "kfold target encode outside",
    B
    + """
df = pd.read_csv("x.csv")
enc = df.groupby("zip")["price"].agg(["mean", "count"])
df = df.join(enc, on="zip")
res = []
for tr, te in KFold(5, shuffle=True).split(df):
    m = Ridge().fit(df.iloc[tr][["mean", "count"]], df.iloc[tr]["price"])
    res.append(m.score(df.iloc[te][["mean", "count"]], df.iloc[te]["price"]))
""",
)
clean(
    "kfold target encode inside",
    B
    + """
df = pd.read_csv("x.csv")
res = []
for tr, te in KFold(5, shuffle=True).split(df):
    a, b = df.iloc[tr].copy(), df.iloc[te].copy()
    enc = a.groupby("zip")["price"].mean()
    a["e"], b["e"] = a["zip"].map(enc), b["zip"].map(enc).fillna(a["price"].mean())
    m = Ridge().fit(a[["e"]], a["price"])
    res.append(m.score(b[["e"]], b["price"]))
print(np.mean(res))
""",
)
leak(
    "SelectFromModel",
    B
    + """
from sklearn.feature_selection import SelectFromModel
df = pd.read_csv("x.csv"); X, y = df.drop("y", axis=1), df.y
sel = SelectFromModel(RandomForestClassifier()).fit(X, y)
X = X[X.columns[sel.get_support()]]
a, b, c, d = train_test_split(X, y)
print(LogisticRegression().fit(a, c).score(b, d))
""",
)
leak(
    "importances",
    B
    + """
df = pd.read_csv("x.csv"); X, y = df.drop("y", axis=1), df.y
rf = RandomForestClassifier().fit(X, y)
top = pd.Series(rf.feature_importances_, X.columns).nlargest(10).index
a, b, c, d = train_test_split(X[top], y)
print(LogisticRegression().fit(a, c).score(b, d))
""",
)
clean(
    "importances of train",
    B
    + """
df = pd.read_csv("x.csv"); X, y = df.drop("y", axis=1), df.y
a, b, c, d = train_test_split(X, y)
rf = RandomForestClassifier().fit(a, c)
top = pd.Series(rf.feature_importances_, a.columns).nlargest(10).index
print(LogisticRegression().fit(a[top], c).score(b[top], d))
""",
)
leak(
    "threshold loop on test",
    B
    + """
df = pd.read_csv("x.csv"); X, y = df.drop("y", axis=1), df.y
a, b, c, d = train_test_split(X, y)
p = LogisticRegression().fit(a, c).predict_proba(b)[:, 1]
best_t, best_f = 0, 0
for t in np.arange(0, 1, .01):
    f = f1_score(d, (p >= t).astype(int))
    if f > best_f: best_t, best_f = t, f
print(best_t, best_f)
""",
)
leak(
    "roc best threshold on test",
    B
    + """
df = pd.read_csv("x.csv"); X, y = df.drop("y", axis=1), df.y
a, b, c, d = train_test_split(X, y)
p = LogisticRegression().fit(a, c).predict_proba(b)[:, 1]
fpr, tpr, thr = roc_curve(d, p)
best = thr[np.argmax(tpr - fpr)]
print(accuracy_score(d, p > best))
""",
)
clean(
    "roc curve plotted",
    B
    + """
df = pd.read_csv("x.csv"); X, y = df.drop("y", axis=1), df.y
a, b, c, d = train_test_split(X, y)
p = LogisticRegression().fit(a, c).predict_proba(b)[:, 1]
fpr, tpr, thr = roc_curve(d, p)
import matplotlib.pyplot as plt
plt.plot(fpr, tpr); print(auc(fpr, tpr))
""",
)
leak(
    "results frame idxmax",
    B
    + """
df = pd.read_csv("x.csv"); X, y = df.drop("y", axis=1), df.y
X_train, X_test, y_train, y_test = train_test_split(X, y)
rows = []
for depth in [2, 4, 8]:
    m = RandomForestClassifier(max_depth=depth).fit(X_train, y_train)
    rows.append({"depth": depth, "acc": accuracy_score(y_test, m.predict(X_test))})
res = pd.DataFrame(rows)
best = res.loc[res["acc"].idxmax()]
print("final", best)
""",
)
clean(
    "results frame shown",
    B
    + """
df = pd.read_csv("x.csv"); X, y = df.drop("y", axis=1), df.y
X_train, X_test, y_train, y_test = train_test_split(X, y)
rows = []
for name, m in [("lr", LogisticRegression()), ("rf", RandomForestClassifier())]:
    m.fit(X_train, y_train)
    rows.append({"model": name, "acc": accuracy_score(y_test, m.predict(X_test))})
print(pd.DataFrame(rows).sort_values("acc", ascending=False))
""",
)
leak(
    "spark lead",
    """
from pyspark.sql import functions as F, Window
def features(df):
    w = Window.partitionBy("id").orderBy("ts")
    df = df.withColumn("next_value", F.lead("value", 1).over(w))
    df = df.withColumn("x", F.lead("amount", 1).over(w))
    return df
""",
)
leak(
    "bfill chain frame",
    """
import pandas as pd
from xgboost import XGBRegressor
df = pd.read_csv("w.csv", index_col="date", parse_dates=True)
df = df.ffill().bfill()
df["lag1"] = df.temp.shift(1)
df = df.dropna()
tr, te = df.loc["2010":"2018"], df.loc["2019":]
m = XGBRegressor().fit(tr[["lag1", "hum"]], tr.temp)
print(m.score(te[["lag1", "hum"]], te.temp))
""",
)
leak(
    "minmax date frame then TimeSeriesSplit",
    """
import pandas as pd
from sklearn.preprocessing import MinMaxScaler
from sklearn.model_selection import TimeSeriesSplit
from sklearn.linear_model import Ridge
df = pd.read_csv("w.csv", parse_dates=["d"]).sort_values("d")
X = MinMaxScaler().fit_transform(df[["a", "b"]])
y = df.y.values
for tr, te in TimeSeriesSplit(4).split(X):
    m = Ridge().fit(X[tr], y[tr]); print(m.score(X[te], y[te]))
""",
)
clean(
    "tss pipeline",
    """
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.model_selection import TimeSeriesSplit, GridSearchCV
from sklearn.linear_model import Ridge
df = pd.read_csv("w.csv", parse_dates=["d"]).sort_values("d")
X, y = df[["a", "b"]], df.y
g = GridSearchCV(make_pipeline(MinMaxScaler(), Ridge()), {"ridge__alpha": [1, 2]}, cv=TimeSeriesSplit(4)).fit(X, y)
print(g.best_score_)
""",
)
clean(
    "walk forward",
    """
import pandas as pd
from sklearn.linear_model import Ridge
df = pd.read_csv("w.csv", parse_dates=["d"]).sort_values("d").reset_index(drop=True)
df["lag"] = df.y.shift(1)
df = df.dropna()
preds = []
for i in range(100, len(df)):
    train = df.iloc[:i]
    m = Ridge().fit(train[["lag"]], train.y)
    preds.append(m.predict(df.iloc[[i]][["lag"]])[0])
print(((df.y.iloc[100:] - preds) ** 2).mean())
""",
)
clean(
    "next step loop label",
    """
import numpy as np
from sklearn.linear_model import Ridge
s = np.load("s.npy")
X, y = [], []
for i in range(24, len(s) - 1):
    X.append([s[i], s[i-1], s[i-24]])
    y.append(s[i+1])
n = int(.8*len(X))
m = Ridge().fit(X[:n], y[:n])
print(m.score(X[n:], y[n:]))
""",
)
leak(
    "next step loop feature",
    """
import numpy as np
from sklearn.linear_model import Ridge
s = np.load("s.npy")
X, y = [], []
for i in range(24, len(s) - 2):
    X.append([s[i], s[i-1], s[i+2]])
    y.append(s[i+1])
n = int(.8*len(X))
m = Ridge().fit(X[:n], y[:n])
print(m.score(X[n:], y[n:]))
""",
)
leak(
    "cv on scaled in notebook style w display",
    B
    + """
data = pd.read_csv("d.csv")
display(data.head())
features = data.iloc[:, :-1]
target = data.iloc[:, -1]
features = (features - features.min()) / (features.max() - features.min())
scores = cross_val_score(SGDClassifier(), features, target, cv=10)
scores.mean()
""",
)
clean(
    "dev set",
    B
    + """
df = pd.read_csv("x.csv")
train, dev = train_test_split(df)
best = None
for c in [.1, 1]:
    m = LogisticRegression(C=c).fit(train[["a"]], train.y)
    s = m.score(dev[["a"]], dev.y)
    if best is None or s > best[0]: best = (s, c, m)
print(best)
""",
)
D = B + 'df = pd.read_csv("x.csv")\nX, y = df.drop("y", axis=1), df["y"]\n'
S = D + "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)\n"
clean(
    "bootstrap of the test score",
    S
    + """
m = LogisticRegression().fit(X_train, y_train)
p = m.predict_proba(X_test)[:, 1]
scores = []
for i in range(1000):
    yt, pp = resample(y_test, p, random_state=i)
    scores.append(roc_auc_score(yt, pp))
print(np.percentile(scores, [2.5, 97.5]))
""",
)
clean(
    "r2 by hand",
    S
    + """
m = Ridge().fit(X_train, y_train)
p = m.predict(X_test)
ss = ((y_test - p) ** 2).sum(); st = ((y_test - y_test.mean()) ** 2).sum()
print(1 - ss / st)
base = np.full(len(y_test), y_train.mean())
print(mean_squared_error(y_test, base), mean_squared_error(y_test, p))
""",
)
clean(
    "ship after test",
    S
    + """
s = StandardScaler().fit(X_train)
m = LogisticRegression().fit(s.transform(X_train), y_train)
print(m.score(s.transform(X_test), y_test))
final_scaler = StandardScaler().fit(X)
final = LogisticRegression().fit(final_scaler.transform(X), y)
import joblib; joblib.dump((final_scaler, final), "m.pkl")
""",
)
clean(
    "clusters for a look",
    S
    + """
k = KMeans(4).fit_predict(StandardScaler().fit_transform(X))
pd.Series(k).value_counts().plot()
m = RandomForestClassifier().fit(X_train, y_train)
print(classification_report(y_test, m.predict(X_test)))
""",
)
leak(
    "clusters as a feature",
    D
    + """
df["cluster"] = KMeans(4).fit_predict(X)
tr, te = train_test_split(df)
m = LogisticRegression().fit(tr[["cluster"]], tr.y)
print(m.score(te[["cluster"]], te.y))
""",
)
leak(
    "pca loadings joined",
    D
    + """
p = PCA(2).fit_transform(X)
df["pc1"], df["pc2"] = p[:, 0], p[:, 1]
tr, te = train_test_split(df)
m = LogisticRegression().fit(tr[["pc1", "pc2"]], tr.y)
print(m.score(te[["pc1", "pc2"]], te.y))
""",
)
clean(
    "group kfold with lags",
    B
    + """
df = pd.read_csv("x.csv", parse_dates=["ts"]).sort_values(["machine", "ts"])
df["lag"] = df.groupby("machine").v.shift(1)
df = df.dropna()
print(cross_val_score(Ridge(), df[["lag"]], df.y, groups=df.machine, cv=GroupKFold(5)))
""",
)
clean(
    "cumcount and history",
    B
    + """
df = pd.read_csv("x.csv", parse_dates=["ts"]).sort_values("ts")
g = df.groupby("user")
df["n"] = g.cumcount()
df["spent"] = g.amount.cumsum() - df.amount
df["gap"] = g.ts.diff().dt.days
tr, te = df[df.ts < "2024-01-01"], df[df.ts >= "2024-01-01"]
f = ["n", "spent", "gap"]
m = RandomForestClassifier().fit(tr[f], tr.y); print(m.score(te[f], te.y))
""",
)
leak(
    "calendar bucket",
    B
    + """
df = pd.read_csv("x.csv", parse_dates=["ts"]).sort_values("ts")
df["week"] = df.ts.dt.isocalendar().week
df["w"] = df.groupby(["store", "week"]).sold.transform("sum")
tr, te = df[df.ts < "2024-01-01"], df[df.ts >= "2024-01-01"]
m = Ridge().fit(tr[["w"]], tr.profit_margin); print(m.score(te[["w"]], te.profit_margin))
""",
)
leak(
    "intercept moved by test",
    S
    + """
m = Ridge().fit(X_train, y_train)
m.intercept_ += (y_test - m.predict(X_test)).mean()
print(mean_absolute_error(y_test, m.predict(X_test)))
""",
)
clean(
    "calibrated on validation",
    D
    + """
a, te, c, yte = train_test_split(X, y)
tr, cal, ytr, ycal = train_test_split(a, c)
m = RandomForestClassifier().fit(tr, ytr)
from sklearn.isotonic import IsotonicRegression
iso = IsotonicRegression().fit(m.predict_proba(cal)[:, 1], ycal)
print(brier_score_loss(yte, iso.predict(m.predict_proba(te)[:, 1])))
""",
)
clean(
    "stacking classifier",
    S
    + """
m = StackingClassifier([("a", RandomForestClassifier()), ("b", LogisticRegression())]).fit(X_train, y_train)
print(m.score(X_test, y_test))
""",
)
clean(
    "augment train only",
    D
    + """
a, b, c, d = train_test_split(X.values, y.values)
a2 = np.concatenate([a, a + np.random.normal(0, .1, a.shape)]); c2 = np.concatenate([c, c])
print(LogisticRegression().fit(a2, c2).score(b, d))
""",
)
clean(
    "isolation forest on train",
    S
    + """
keep = IsolationForest().fit(X_train).predict(X_train) == 1
m = LogisticRegression().fit(X_train[keep], y_train[keep])
print(m.score(X_test, y_test))
""",
)
clean(
    "test predicted twice",
    S
    + """
m = LogisticRegression().fit(X_train, y_train)
if m.score(X_test, y_test) > m.score(X_train, y_train):
    print("odd")
print(confusion_matrix(y_test, m.predict(X_test)))
""",
)
clean(
    "text",
    """
import re, pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.model_selection import train_test_split, GridSearchCV
df = pd.read_csv("t.csv")
df["text"] = df.text.str.lower().apply(lambda s: re.sub(r"[^a-z ]", "", s))
df["n"] = df.text.apply(len)
a, b, c, d = train_test_split(df.text, df.label, stratify=df.label)
p = Pipeline([("v", TfidfVectorizer()), ("m", LinearSVC())])
g = GridSearchCV(p, {"m__C": [1, 2]}, n_jobs=-1); g.fit(a, c)
print(g.best_score_, g.score(b, d))
""",
)
leak(
    "tokenizer on all",
    """
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.naive_bayes import MultinomialNB
from sklearn.model_selection import train_test_split
df = pd.read_csv("t.csv")
cv = CountVectorizer(); X = cv.fit_transform(df["text"]).toarray(); y = df["label"]
X = TfidfTransformer().fit_transform(X)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2)
clf = MultinomialNB(); clf.fit(X_train, y_train); print(clf.score(X_test, y_test))
""",
)
clean(
    "images",
    """
import tensorflow as tf
ds_train = tf.keras.utils.image_dataset_from_directory("d", validation_split=.2, subset="training", seed=1)
ds_val = tf.keras.utils.image_dataset_from_directory("d", validation_split=.2, subset="validation", seed=1)
model = tf.keras.Sequential([tf.keras.layers.Rescaling(1/255), tf.keras.layers.Dense(2)])
model.compile(loss="mse"); model.fit(ds_train, validation_data=ds_val, epochs=3, callbacks=[tf.keras.callbacks.EarlyStopping()])
model.evaluate(ds_val)
""",
)
clean(
    "regression analysis",
    """
import pandas as pd, statsmodels.api as sm
df = pd.read_csv("t.csv")
df["z"] = (df.x - df.x.mean()) / df.x.std()
r = sm.OLS(df.y, sm.add_constant(df[["z"]])).fit()
print(r.summary())
""",
)
clean(
    "trailing everything",
    """
import pandas as pd, numpy as np
from lightgbm import LGBMRegressor
def build(df):
    df = df.sort_values(["item", "date"]).copy()
    g = df.groupby("item")["qty"]
    for k in (7, 14, 28): df[f"lag_{k}"] = g.shift(k)
    for w in (7, 28):
        df[f"mean_{w}"] = g.transform(lambda s, w=w: s.shift(7).rolling(w).mean())
        df[f"std_{w}"] = g.transform(lambda s, w=w: s.shift(7).rolling(w).std())
    df["dow"] = df["date"].dt.dayofweek
    df["trend"] = (df["date"] - pd.Timestamp("2020-01-01")).dt.days
    return df
df = build(pd.read_parquet("q.parquet"))
cut = df["date"].max() - pd.Timedelta(days=28)
tr, te = df[df["date"] <= cut], df[df["date"] > cut]
cols = [c for c in df.columns if c.startswith(("lag_", "mean_", "std_", "dow", "trend"))]
m = LGBMRegressor().fit(tr[cols], tr["qty"])
print(np.abs(te["qty"] - m.predict(te[cols])).sum() / te["qty"].sum())
""",
)
leak(
    "one of many leaks",
    """
import pandas as pd, numpy as np
from lightgbm import LGBMRegressor
def build(df):
    df = df.sort_values(["item", "date"]).copy()
    g = df.groupby("item")["qty"]
    for k in (7, 14, -7): df[f"lag_{k}"] = g.shift(k)
    return df
df = build(pd.read_parquet("q.parquet"))
cut = df["date"].max() - pd.Timedelta(days=28)
tr, te = df[df["date"] <= cut], df[df["date"] > cut]
cols = [c for c in df.columns if c.startswith(("lag_", "mean_"))]
m = LGBMRegressor().fit(tr[cols], tr["qty"])
print(np.abs(te["qty"] - m.predict(te[cols])).sum() / te["qty"].sum())
""",
)
clean(
    "embargoed folds",
    B
    + """
df = pd.read_csv("x.csv", parse_dates=["t"]).sort_values("t").reset_index(drop=True)
df["lag"] = df.v.shift(1); df["y"] = df.v.shift(-5); df = df.dropna()
for tr, te in TimeSeriesSplit(5, gap=5).split(df):
    m = Ridge().fit(df.iloc[tr][["lag"]], df.iloc[tr].y)
    print(mean_absolute_error(df.iloc[te].y, m.predict(df.iloc[te][["lag"]])))
""",
)
clean(
    "optuna cv",
    S
    + """
import optuna
def objective(t):
    return cross_val_score(Ridge(alpha=t.suggest_float("a", 0, 1)), X_train, y_train).mean()
study = optuna.create_study(); study.optimize(objective, n_trials=3)
print(Ridge(**study.best_params).fit(X_train, y_train).score(X_test, y_test))
""",
)
leak(
    "search on the test by hand",
    S
    + """
results = {}
for a in [.1, 1, 10]:
    for f in [True, False]:
        m = Ridge(alpha=a, fit_intercept=f)
        m.fit(X_train, y_train)
        results[(a, f)] = mean_squared_error(y_test, m.predict(X_test))
best = min(results, key=results.get)
print(best, results[best])
""",
)
leak(
    "sorted results first",
    S
    + """
res = []
for a in [.1, 1, 10]:
    m = Ridge(alpha=a).fit(X_train, y_train)
    res.append((m.score(X_test, y_test), a, m))
res.sort(reverse=True)
best_model = res[0][2]
""",
)
leak(
    "dataframe sort then head",
    S
    + """
res = []
for a in [.1, 1, 10]:
    m = Ridge(alpha=a).fit(X_train, y_train)
    res.append({"a": a, "s": m.score(X_test, y_test)})
table = pd.DataFrame(res).sort_values("s", ascending=False)
best_a = table.iloc[0]["a"]
final = Ridge(alpha=best_a).fit(X_train, y_train)
print(final.score(X_test, y_test))
""",
)
leak(
    "outer join of all then fillna by group",
    D
    + """
df["inc"] = df.groupby("zip")["inc"].transform(lambda s: s.fillna(s.median()))
tr, te = train_test_split(df)
print(Ridge().fit(tr[["inc"]], tr.y).score(te[["inc"]], te.y))
""",
)
clean(
    "groupby apply on train",
    D
    + """
tr, te = train_test_split(df)
med = tr.groupby("zip")["inc"].median()
tr = tr.assign(inc=tr.inc.fillna(tr.zip.map(med))); te = te.assign(inc=te.inc.fillna(te.zip.map(med)))
print(Ridge().fit(tr[["inc"]], tr.y).score(te[["inc"]], te.y))
""",
)
leak(
    "knn impute",
    D
    + """
from sklearn.impute import KNNImputer
X = pd.DataFrame(KNNImputer().fit_transform(X), columns=X.columns)
kf = StratifiedKFold(5)
for tr, te in kf.split(X, y):
    m = LogisticRegression().fit(X.iloc[tr], y.iloc[tr]); print(m.score(X.iloc[te], y.iloc[te]))
""",
)
clean(
    "winsorised with train limits",
    S
    + """
lo, hi = X_train.quantile(.01), X_train.quantile(.99)
X_train, X_test = X_train.clip(lo, hi, axis=1), X_test.clip(lo, hi, axis=1)
print(Ridge().fit(X_train, y_train).score(X_test, y_test))
""",
)
clean(
    "function with own split and return",
    B
    + """
def make_sets(path, seed=0):
    df = pd.read_csv(path)
    train, test = train_test_split(df, random_state=seed)
    return train, test
def features(d, stats=None):
    if stats is None:
        stats = {"mean": d.age.mean(), "std": d.age.std()}
    return ((d.age - stats["mean"]) / stats["std"]).to_frame(), stats
train, test = make_sets("x.csv")
Xtr, stats = features(train)
Xte, _ = features(test, stats)
print(LogisticRegression().fit(Xtr, train.y).score(Xte, test.y))
""",
)
leak(
    "function with stats of all",
    B
    + """
def features(d, stats=None):
    if stats is None:
        stats = {"mean": d.age.mean(), "std": d.age.std()}
    return ((d.age - stats["mean"]) / stats["std"]).to_frame(), stats
df = pd.read_csv("x.csv")
_, stats = features(df)
train, test = train_test_split(df)
Xtr, _ = features(train, stats)
Xte, _ = features(test, stats)
print(LogisticRegression().fit(Xtr, train.y).score(Xte, test.y))
""",
)
clean(
    "xgb cv",
    D
    + """
import xgboost as xgb
d = xgb.DMatrix(X, label=y)
print(xgb.cv({}, d, 500, nfold=5, early_stopping_rounds=10))
""",
)
clean(
    "loop over csv files",
    B
    + """
from pathlib import Path
for p in Path("d").glob("*.csv"):
    df = pd.read_csv(p)
    tr, te = df[:800], df[800:]
    s = StandardScaler().fit(tr[["a"]])
    print(p, Ridge().fit(s.transform(tr[["a"]]), tr.y).score(s.transform(te[["a"]]), te.y))
""",
)
clean(
    "naive forecast ahead",
    """
import pandas as pd
df = pd.read_csv("w.csv", parse_dates=["d"], index_col="d")
df["pred"] = df.y.shift(1)
print((df.y - df.pred).abs().mean())
df["future_return"] = df.y.pct_change().shift(-1)
print(df[["pred", "future_return"]].corr())
""",
)
clean(
    "triple barrier label",
    """
import numpy as np, pandas as pd
from sklearn.ensemble import RandomForestClassifier
df = pd.read_csv("b.csv", parse_dates=["t"], index_col="t").sort_index()
df["mom"] = df.close.pct_change(10)
labels = np.zeros(len(df))
for i in range(len(df) - 10):
    path = df.close.iloc[i + 1 : i + 11]
    labels[i] = 1 if path.max() > df.close.iloc[i] * 1.02 else 0
df["label"] = labels
n = int(len(df) * .7)
tr, te = df.iloc[:n - 10], df.iloc[n:]
m = RandomForestClassifier().fit(tr[["mom"]], tr.label); print(m.score(te[["mom"]], te.label))
""",
)
