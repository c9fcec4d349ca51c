# ruff: noqa: E501
"""Leaking and clean code, rule by rule: each rule has a failing and a passing fixture here, most have several."""

from __future__ import annotations

HEAD = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.metrics import accuracy_score, mean_absolute_error, roc_auc_score
from sklearn.model_selection import *
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import *
from sklearn.impute import SimpleImputer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, SelectFromModel, f_classif, RFE
from imblearn.over_sampling import SMOTE, RandomOverSampler
df = pd.read_csv("table.csv")
X, y = df.drop(columns=["y"]), df["y"]
"""
SPLIT = "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)\n"
SCORE = "m = LogisticRegression().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"
SERIES = """
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.model_selection import *
df = pd.read_csv("series.csv", parse_dates=["ts"]).sort_values("ts")
"""
CUT = """
n = int(len(df) * 0.8)
train, test = df.iloc[:n], df.iloc[n:]
cols = ["f", "lag"]
m = Ridge().fit(train[cols], train["y"])
print(m.score(test[cols], test["y"]))
"""
LAG = 'df["lag"] = df["y"].shift(24)\n'

LEAKING: dict[str, list[tuple[str, str]]] = {
    "lint/fit-before-split": [
        ("scaler", HEAD + "X = StandardScaler().fit_transform(X)\n" + SPLIT + SCORE),
        (
            "fit then transform",
            HEAD
            + "s = MinMaxScaler()\ns.fit(X)\n"
            + SPLIT
            + "X_train = s.transform(X_train)\nX_test = s.transform(X_test)\n"
            + SCORE,
        ),
        ("pipeline of transformers", HEAD + "X = make_pipeline(SimpleImputer(), PCA(5)).fit_transform(X)\n" + SPLIT + SCORE),
        ("cross validation", HEAD + "X = PCA(3).fit_transform(X)\nprint(cross_val_score(LogisticRegression(), X, y))\n"),
        (
            "grid search on all",
            HEAD
            + "Z = SimpleImputer().fit_transform(X)\ng = GridSearchCV(LogisticRegression(), {}).fit(Z, y)\nprint(g.best_score_)\n",
        ),
        (
            "columns in place",
            HEAD
            + 'df[["a", "b"]] = StandardScaler().fit_transform(df[["a", "b"]])\ntrain, test = train_test_split(df)\nm = Ridge().fit(train[["a"]], train["y"])\nprint(m.score(test[["a"]], test["y"]))\n',
        ),
        (
            "column transformer outside",
            HEAD
            + 'from sklearn.compose import ColumnTransformer\nt = ColumnTransformer([("n", StandardScaler(), ["a"])], remainder="passthrough")\nX = t.fit_transform(X)\n'
            + SPLIT
            + SCORE,
        ),
        (
            "closure",
            HEAD
            + "def make():\n    s = RobustScaler().fit(X)\n    def apply(part):\n        return s.transform(part)\n    return apply\nscale = make()\n"
            + SPLIT
            + "m = Ridge().fit(scale(X_train), y_train)\nprint(m.score(scale(X_test), y_test))\n",
        ),
        (
            "two files joined",
            "import pandas as pd\nfrom sklearn.preprocessing import StandardScaler\nfrom sklearn.svm import SVC\ntrain, test = pd.read_csv('a.csv'), pd.read_csv('b.csv')\nboth = pd.concat([train, test])\ns = StandardScaler().fit(both[['a', 'b']])\nm = SVC().fit(s.transform(train[['a', 'b']]), train.y)\nprint(m.score(s.transform(test[['a', 'b']]), test.y))\n",
        ),
        (
            "boolean position mask",
            HEAD
            + "X = StandardScaler().fit_transform(X)\nidx = np.random.permutation(len(X))\na, b = idx[:80], idx[80:]\nm = Ridge().fit(X[a], y[a])\nprint(m.score(X[b], y[b]))\n",
        ),
        (
            "sample and drop",
            HEAD
            + "df['a'] = QuantileTransformer().fit_transform(df[['a']])\ntrain = df.sample(frac=0.8, random_state=1)\ntest = df.drop(train.index)\nm = Ridge().fit(train[['a']], train.y)\nprint(mean_absolute_error(test.y, m.predict(test[['a']])))\n",
        ),
    ],
    "lint/statistic-before-split": [
        ("fill with mean", HEAD + 'X["a"] = X["a"].fillna(X["a"].median())\n' + SPLIT + SCORE),
        ("fill a frame", HEAD + "X = X.fillna(X.mean())\n" + SPLIT + SCORE),
        ("in place", HEAD + 'X["a"].fillna(X["a"].mean(), inplace=True)\n' + SPLIT + SCORE),
        ("numpy", HEAD + "A = X.to_numpy()\nA = (A - np.mean(A, axis=0)) / np.std(A, axis=0)\nX = A\n" + SPLIT + SCORE),
        ("lambda per column", HEAD + "X = X.apply(lambda c: (c - c.min()) / (c.max() - c.min()))\n" + SPLIT + SCORE),
        ("clip at quantiles", HEAD + 'X["a"] = X["a"].clip(upper=X["a"].quantile(0.99))\n' + SPLIT + SCORE),
        ("rank", HEAD + 'X["a"] = X["a"].rank(pct=True)\n' + SPLIT + SCORE),
        ("qcut", HEAD + 'X["a"] = pd.qcut(X["a"], 5, labels=False)\n' + SPLIT + SCORE),
        ("cut in equal widths", HEAD + 'X["a"] = pd.cut(X["a"], 5, labels=False)\n' + SPLIT + SCORE),
        ("group mean of a feature", HEAD + 'X["g"] = X.groupby("city")["income"].transform("mean")\n' + SPLIT + SCORE),
        (
            "group aggregate merged",
            HEAD
            + 'agg = df.groupby("city", as_index=False)["income"].mean()\ndf = df.merge(agg, on="city", suffixes=("", "_city"))\nX, y = df.drop(columns="y"), df.y\n'
            + SPLIT
            + SCORE,
        ),
        ("indicator above the mean", HEAD + 'X["high"] = np.where(X["a"] > X["a"].mean(), 1, 0)\n' + SPLIT + SCORE),
        ("label filled", HEAD + 'df["y"] = df["y"].fillna(df["y"].mean())\nX, y = df[["a"]], df["y"]\n' + SPLIT + SCORE),
        ("loop over columns", HEAD + "for c in X.columns:\n    X[c] = (X[c] - X[c].mean()) / X[c].std()\n" + SPLIT + SCORE),
        ("dict of means", HEAD + "means = {c: X[c].mean() for c in ['a', 'b']}\nX = X.fillna(means)\n" + SPLIT + SCORE),
        (
            "polars",
            "import polars as pl\nfrom sklearn.linear_model import Ridge\ndf = pl.read_csv('t.csv')\ndf = df.with_columns(((pl.col('a') - pl.col('a').mean()) / pl.col('a').std()).alias('z'))\nn = 100\ntrain, test = df[:n], df[n:]\nm = Ridge().fit(train.select('z'), train['y'])\nprint(m.score(test.select('z'), test['y']))\n",
        ),
    ],
    "lint/select-before-split": [
        ("k best", HEAD + "X = SelectKBest(f_classif, k=5).fit_transform(X, y)\n" + SPLIT + SCORE),
        (
            "rfe then folds",
            HEAD
            + "s = RFE(LogisticRegression(), n_features_to_select=3).fit(X, y)\nprint(cross_val_score(Ridge(), s.transform(X), y))\n",
        ),
        (
            "correlation with the label",
            HEAD + 'c = df.corr()["y"].abs()\ncols = c[c > 0.3].index.drop("y")\nX = df[cols]\n' + SPLIT + SCORE,
        ),
        ("scores as a mask", HEAD + "F, p = f_classif(X, y)\nX = X.loc[:, p < 0.05]\n" + SPLIT + SCORE),
    ],
    "lint/resample-before-split": [
        ("smote", HEAD + "X, y = SMOTE().fit_resample(X, y)\n" + SPLIT + SCORE),
        (
            "over-sampler then folds",
            HEAD + "a, b = RandomOverSampler().fit_resample(X, y)\nprint(cross_val_score(LogisticRegression(), a, b))\n",
        ),
        (
            "sample with replacement",
            HEAD
            + "rare = df[df.y == 1].sample(500, replace=True)\ndf = pd.concat([df[df.y == 0], rare])\nX, y = df.drop(columns='y'), df.y\n"
            + SPLIT
            + SCORE,
        ),
        (
            "train part then folds",
            HEAD
            + SPLIT
            + "X_train, y_train = SMOTE().fit_resample(X_train, y_train)\nprint(cross_val_score(LogisticRegression(), X_train, y_train))\n",
        ),
        (
            "augmented copies",
            HEAD
            + "A = X.to_numpy()\nX = np.vstack([A, A + np.random.normal(size=A.shape)])\ny = np.concatenate([y, y])\n"
            + SPLIT
            + SCORE,
        ),
    ],
    "lint/target-encoding": [
        (
            "mapped",
            HEAD
            + 'df["te"] = df["city"].map(df.groupby("city")["y"].mean())\ntrain, test = train_test_split(df)\nm = Ridge().fit(train[["te"]], train["y"])\nprint(m.score(test[["te"]], test["y"]))\n',
        ),
        (
            "transformed",
            HEAD + 'df["te"] = df.groupby("city")["y"].transform("mean")\nX, y = df[["te", "a"]], df["y"]\n' + SPLIT + SCORE,
        ),
        (
            "encoder",
            HEAD
            + "from category_encoders import TargetEncoder as TE\nX = TE(cols=['city']).fit_transform(X, y)\n"
            + SPLIT
            + SCORE,
        ),
    ],
    "lint/train-test-overlap": [
        ("fit on all", HEAD + SPLIT + "m = LogisticRegression().fit(X, y)\nprint(accuracy_score(y_test, m.predict(X_test)))\n"),
        (
            "test appended",
            "import pandas as pd\nfrom sklearn.svm import SVC\ntrain, test = pd.read_csv('a.csv'), pd.read_csv('b.csv')\nfull = pd.concat([train, test])\nm = SVC().fit(full[['a']], full.y)\nprint(m.score(test[['a']], test.y))\n",
        ),
        (
            "pseudo labels",
            HEAD
            + SPLIT
            + "m = LogisticRegression().fit(X_train, y_train)\np = m.predict(X_test)\nm.fit(np.vstack([X_train, X_test]), np.concatenate([y_train, p]))\nprint(m.score(X_test, y_test))\n",
        ),
    ],
    "lint/scored-on-train": [
        ("score", HEAD + "m = LogisticRegression().fit(X, y)\nprint(m.score(X, y))\n"),
        ("metric by hand", HEAD + "m = LogisticRegression()\nm.fit(X, y)\np = m.predict(X)\nprint((p == y).mean())\n"),
        (
            "train part only",
            HEAD + SPLIT + "m = LogisticRegression().fit(X_train, y_train)\nprint(accuracy_score(y_train, m.predict(X_train)))\n",
        ),
    ],
    "lint/test-tuning": [
        (
            "best of a loop",
            HEAD
            + SPLIT
            + "best = 0\nfor c in [0.1, 1, 10]:\n    s = LogisticRegression(C=c).fit(X_train, y_train).score(X_test, y_test)\n    if s > best:\n        best, best_c = s, c\nprint(best)\n",
        ),
        (
            "argmax",
            HEAD
            + SPLIT
            + "scores = []\nfor k in range(1, 9):\n    scores.append(RandomForestClassifier(max_depth=k).fit(X_train, y_train).score(X_test, y_test))\nprint(np.argmax(scores), max(scores))\n",
        ),
        (
            "if picks a model",
            HEAD
            + SPLIT
            + "a, b = LogisticRegression().fit(X_train, y_train), Ridge().fit(X_train, y_train)\nsa, sb = a.score(X_test, y_test), b.score(X_test, y_test)\nfinal = a if sa > sb else b\n",
        ),
        (
            "max with key",
            HEAD
            + SPLIT
            + "def score(c):\n    return LogisticRegression(C=c).fit(X_train, y_train).score(X_test, y_test)\nbest = max([0.1, 1.0], key=score)\nprint(best)\n",
        ),
        (
            "optuna",
            HEAD
            + SPLIT
            + "import optuna\ndef objective(trial):\n    m = LogisticRegression(C=trial.suggest_float('c', 0, 1)).fit(X_train, y_train)\n    return roc_auc_score(y_test, m.predict_proba(X_test)[:, 1])\nstudy = optuna.create_study()\nstudy.optimize(objective, n_trials=50)\n",
        ),
        (
            "searched on all rows",
            HEAD
            + SPLIT
            + "g = GridSearchCV(LogisticRegression(), {'C': [1, 2]})\ng.fit(X, y)\nm = LogisticRegression(**g.best_params_).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n",
        ),
    ],
    "lint/early-stopping-on-test": [
        (
            "lightgbm callbacks",
            HEAD
            + SPLIT
            + "import lightgbm as lgb\nm = lgb.LGBMClassifier()\nm.fit(X_train, y_train, eval_set=[(X_test, y_test)], callbacks=[lgb.early_stopping(10)])\nprint(roc_auc_score(y_test, m.predict_proba(X_test)[:, 1]))\n",
        ),
        (
            "xgboost train",
            HEAD
            + SPLIT
            + "import xgboost as xgb\na, b = xgb.DMatrix(X_train, label=y_train), xgb.DMatrix(X_test, label=y_test)\nm = xgb.train({}, a, 500, evals=[(b, 'test')], early_stopping_rounds=10)\nprint(roc_auc_score(y_test, m.predict(b)))\n",
        ),
        (
            "catboost",
            HEAD
            + SPLIT
            + "from catboost import CatBoostClassifier\nm = CatBoostClassifier().fit(X_train, y_train, eval_set=(X_test, y_test))\nprint(m.score(X_test, y_test))\n",
        ),
    ],
    "lint/in-sample-stacking": [
        (
            "stacked",
            HEAD
            + SPLIT
            + "base = RandomForestClassifier().fit(X_train, y_train)\nmeta = LogisticRegression().fit(base.predict_proba(X_train), y_train)\nprint(meta.score(base.predict_proba(X_test), y_test))\n",
        ),
    ],
    "lint/future-shift": [
        ("negative shift", SERIES + LAG + 'df["f"] = df["t"].shift(-1)\n' + CUT),
        ("diff", SERIES + LAG + 'df["f"] = df["t"].diff(-2)\n' + CUT),
        ("periods", SERIES + LAG + 'df["f"] = df.groupby("shop")["t"].shift(periods=-6)\n' + CUT),
        ("variable", SERIES + LAG + 'H = 7\ndf["f"] = df["t"].shift(-H)\n' + CUT),
        ("loop of steps", SERIES + LAG + 'for k in [1, 2, -1]:\n    df[f"s{k}"] = df["t"].shift(k)\ndf["f"] = df["s-1"]\n' + CUT),
        ("reversed", SERIES + LAG + 'df["f"] = df["t"][::-1].shift(1)[::-1]\n' + CUT),
        ("roll", SERIES + LAG + 'df["f"] = np.roll(df["t"], -1)\n' + CUT),
        ("only some rows", SERIES + LAG + 'df["f"] = np.where(df["ts"].dt.day == 24, df["t"].shift(-1), df["t"])\n' + CUT),
        (
            "a function of features",
            "def add_features(df):\n    df = df.copy()\n    df['f'] = df.groupby('store')['sales'].shift(-6)\n    return df\n",
        ),
        ("returns ahead as feature", SERIES + LAG + 'df["f"] = df["t"].pct_change(-1)\n' + CUT),
    ],
    "lint/future-window": [
        ("centred", SERIES + LAG + 'df["f"] = df["t"].rolling(15, center=True).mean()\n' + CUT),
        ("reversed", SERIES + LAG + 'df["f"] = df["t"].iloc[::-1].rolling(7).sum().iloc[::-1]\n' + CUT),
        (
            "forward indexer",
            SERIES
            + LAG
            + 'w = pd.api.indexers.FixedForwardWindowIndexer(window_size=3)\ndf["f"] = df["t"].rolling(w).mean()\n'
            + CUT,
        ),
        ("filter", SERIES + LAG + 'from scipy.signal import savgol_filter\ndf["f"] = savgol_filter(df["t"], 11, 3)\n' + CUT),
        (
            "decomposition",
            SERIES
            + LAG
            + 'from statsmodels.tsa.seasonal import seasonal_decompose\ndf["f"] = seasonal_decompose(df["t"], period=24).trend\n'
            + CUT,
        ),
        ("reversed cumulative", SERIES + LAG + 'df["f"] = df["t"][::-1].cumsum()[::-1]\n' + CUT),
    ],
    "lint/future-fill": [
        ("bfill", SERIES + LAG + 'df["f"] = df["t"].bfill()\n' + CUT),
        ("grouped", SERIES + LAG + 'df["f"] = df.groupby("shop")["t"].bfill()\n' + CUT),
        ("method", SERIES + LAG + 'df["f"] = df["t"].fillna(method="backfill")\n' + CUT),
        ("both ways", SERIES + LAG + 'df["f"] = df["t"].ffill().bfill()\n' + CUT),
        ("interpolated", SERIES + LAG + 'df["f"] = df["t"].interpolate("linear")\n' + CUT),
        ("frame", SERIES + LAG + 'df["f"] = df["t"]\ndf = df.interpolate()\n' + CUT),
    ],
    "lint/future-index": [
        (
            "loop",
            SERIES
            + LAG
            + 'f = []\nv = df["t"].values\nfor i in range(len(v) - 1):\n    f.append(v[i + 1] - v[i])\nf.append(0)\ndf["f"] = f\n'
            + CUT,
        ),
        (
            "assigned",
            SERIES + LAG + 'df["f"] = 0.0\nfor i in range(len(df) - 1):\n    df.loc[i, "f"] = df.loc[i + 1, "t"]\n' + CUT,
        ),
        (
            "under a condition",
            SERIES
            + LAG
            + 'signal = np.zeros(len(df))\nfor i in range(len(df) - 3):\n    if df["t"].iloc[i + 3] > df["t"].iloc[i]:\n        signal[i] = 1\ndf["f"] = signal\n'
            + CUT,
        ),
    ],
    "lint/asof-direction": [
        (
            "forward",
            SERIES
            + LAG
            + 'other = pd.read_csv("macro.csv", parse_dates=["ts"])\ndf = pd.merge_asof(df, other, on="ts", direction="forward")\n'
            + CUT,
        ),
        (
            "polars",
            "import polars as pl\nfrom sklearn.linear_model import Ridge\na, b = pl.read_csv('a.csv').sort('t'), pl.read_csv('b.csv').sort('t')\ndf = a.join_asof(b, on='t', strategy='nearest')\nn = 10\nm = Ridge().fit(df[:n].select('x'), df[:n]['y'])\nprint(m.score(df[n:].select('x'), df[n:]['y']))\n",
        ),
    ],
    "lint/full-history": [
        (
            "strategy",
            "from freqtrade.strategy import IStrategy\nclass S(IStrategy):\n    def populate_indicators(self, dataframe, metadata):\n        dataframe['z'] = (dataframe['close'] - dataframe['close'].mean()) / dataframe['close'].std()\n        return dataframe\n",
        ),
        (
            "last row",
            "from freqtrade.strategy import IStrategy\nclass S(IStrategy):\n    def populate_indicators(self, dataframe, metadata):\n        dataframe['rel'] = dataframe['close'] / dataframe['close'].iloc[-1]\n        return dataframe\n",
        ),
        (
            "indicator library",
            "def stoch(ohlc):\n    low, high = ohlc['low'].min(), ohlc['high'].max()\n    return (ohlc['close'] - low) / (high - low)\n",
        ),
    ],
    "lint/shuffled-time": [
        (
            "lags",
            SERIES
            + LAG
            + 'X_train, X_test, y_train, y_test = train_test_split(df[["lag"]], df["y"])\nm = Ridge().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n',
        ),
        (
            "index of time",
            'import pandas as pd\nfrom sklearn.linear_model import Ridge\nfrom sklearn.model_selection import cross_val_score, ShuffleSplit\ndf = pd.read_csv("s.csv", index_col="date", parse_dates=True)\nprint(cross_val_score(Ridge(), df[["a"]], df["y"], cv=ShuffleSplit(5)))\n',
        ),
        (
            "windows",
            "import numpy as np\nfrom sklearn.model_selection import train_test_split\nfrom sklearn.linear_model import Ridge\ns = np.load('s.npy')\nX, y = [], []\nfor i in range(len(s) - 24):\n    X.append(s[i:i + 24])\n    y.append(s[i + 24])\nX, y = np.array(X), np.array(y)\na, b, c, d = train_test_split(X, y)\nm = Ridge().fit(a, c)\nprint(m.score(b, d))\n",
        ),
    ],
}

CLEAN: list[tuple[str, str]] = [
    (
        "pipeline with folds",
        HEAD + "print(cross_val_score(make_pipeline(StandardScaler(), PCA(3), LogisticRegression()), X, y))\n",
    ),
    (
        "fit on train",
        HEAD + SPLIT + "s = StandardScaler().fit(X_train)\nX_train, X_test = s.transform(X_train), s.transform(X_test)\n" + SCORE,
    ),
    (
        "mean of train",
        HEAD + SPLIT + "mean = X_train.mean()\nX_train, X_test = X_train.fillna(mean), X_test.fillna(mean)\n" + SCORE,
    ),
    ("label encoder", HEAD + "y = LabelEncoder().fit_transform(y)\n" + SPLIT + SCORE),
    ("label threshold that is fixed", HEAD + "y = (df['y'] > 100).astype(int)\n" + SPLIT + SCORE),
    ("fixed bins", HEAD + "X['a'] = pd.cut(X['a'], [0, 1, 10, 100])\n" + SPLIT + SCORE),
    (
        "row statistics",
        HEAD
        + "X['m'] = X[['a', 'b']].mean(axis=1)\nX['n'] = X.apply(lambda r: r['a'] / (r['a'] + r['b']), axis=1)\n"
        + SPLIT
        + SCORE,
    ),
    ("printed only", HEAD + "print(X.describe(), X['a'].mean())\n" + SPLIT + SCORE),
    (
        "scaled for a plot",
        HEAD
        + "Z = StandardScaler().fit_transform(X)\nimport matplotlib.pyplot as plt\nplt.scatter(Z[:, 0], Z[:, 1])\n"
        + SPLIT
        + SCORE,
    ),
    (
        "no split, no score",
        HEAD + "Z = StandardScaler().fit_transform(X)\nm = LogisticRegression().fit(Z, y)\nimport joblib\njoblib.dump(m, 'm')\n",
    ),
    ("smote on train", HEAD + SPLIT + "X_train, y_train = SMOTE().fit_resample(X_train, y_train)\n" + SCORE),
    (
        "selection on train",
        HEAD
        + SPLIT
        + "s = SelectKBest(k=3).fit(X_train, y_train)\nX_train, X_test = s.transform(X_train), s.transform(X_test)\n"
        + SCORE,
    ),
    (
        "nested folds",
        HEAD
        + SPLIT
        + "s = StandardScaler()\nX_train = s.fit_transform(X_train)\nprint(cross_val_score(LogisticRegression(), X_train, y_train))\nm = LogisticRegression().fit(X_train, y_train)\nprint(m.score(s.transform(X_test), y_test))\n",
    ),
    (
        "grid search, then test",
        HEAD
        + SPLIT
        + "g = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}).fit(X_train, y_train)\nprint(g.best_params_, g.score(X_test, y_test))\n",
    ),
    (
        "best params of train",
        HEAD
        + SPLIT
        + "g = GridSearchCV(LogisticRegression(), {}).fit(X_train, y_train)\nm = LogisticRegression(**g.best_params_).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n",
    ),
    (
        "folds by hand",
        HEAD
        + "out = []\nfor a, b in StratifiedKFold(5).split(X, y):\n    s = StandardScaler().fit(X.iloc[a])\n    m = LogisticRegression().fit(s.transform(X.iloc[a]), y.iloc[a])\n    out.append(m.score(s.transform(X.iloc[b]), y.iloc[b]))\nprint(np.mean(out), max(out))\n",
    ),
    (
        "out-of-fold predictions",
        HEAD
        + "p = np.zeros(len(X))\nfor a, b in KFold(5).split(X):\n    m = Ridge().fit(X.iloc[a], y.iloc[a])\n    p[b] = m.predict(X.iloc[b])\nprint(mean_absolute_error(y, p))\n",
    ),
    (
        "stacking with cross_val_predict",
        HEAD
        + SPLIT
        + "base = RandomForestClassifier()\noof = cross_val_predict(base, X_train, y_train, method='predict_proba')\nbase.fit(X_train, y_train)\nmeta = LogisticRegression().fit(oof, y_train)\nprint(meta.score(base.predict_proba(X_test), y_test))\n",
    ),
    ("last fit on all", HEAD + SPLIT + SCORE + "final = LogisticRegression().fit(X, y)\n"),
    ("same model refit on all", HEAD + SPLIT + SCORE + "m.fit(X, y)\n"),
    (
        "models compared",
        HEAD
        + SPLIT
        + "for m in [LogisticRegression(), RandomForestClassifier()]:\n    print(m.fit(X_train, y_train).score(X_test, y_test))\n",
    ),
    (
        "chosen on validation",
        HEAD
        + "X_rest, X_test, y_rest, y_test = train_test_split(X, y)\nX_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest)\nscores = {c: LogisticRegression(C=c).fit(X_train, y_train).score(X_val, y_val) for c in [0.1, 1]}\nc = max(scores, key=scores.get)\nprint(LogisticRegression(C=c).fit(X_rest, y_rest).score(X_test, y_test))\n",
    ),
    (
        "gate on a fixed number",
        HEAD + SPLIT + SCORE + "s = m.score(X_test, y_test)\nif s < 0.8:\n    raise SystemExit('not good enough')\n",
    ),
    (
        "eval set without stopping",
        HEAD
        + SPLIT
        + "import xgboost as xgb\nm = xgb.XGBClassifier().fit(X_train, y_train, eval_set=[(X_test, y_test)])\nprint(m.score(X_test, y_test))\n",
    ),
    (
        "stopping on a part of train",
        HEAD
        + SPLIT
        + "import lightgbm as lgb\na, v, c, d = train_test_split(X_train, y_train)\nm = lgb.LGBMClassifier().fit(a, c, eval_set=[(v, d)], callbacks=[lgb.early_stopping(9)])\nprint(m.score(X_test, y_test))\n",
    ),
    (
        "encoding of train on test",
        HEAD
        + "train, test = train_test_split(df)\nte = train.groupby('city')['y'].mean()\ntrain['te'], test['te'] = train['city'].map(te), test['city'].map(te)\nm = Ridge().fit(train[['te']], train.y)\nprint(m.score(test[['te']], test.y))\n",
    ),
    ("trailing", SERIES + LAG + 'df["f"] = df["t"].shift(1).rolling(7).mean()\n' + CUT),
    ("expanding", SERIES + LAG + 'df["f"] = df.groupby("shop")["t"].transform(lambda s: s.shift(1).expanding().mean())\n' + CUT),
    ("ewm", SERIES + LAG + 'df["f"] = df["t"].ewm(span=5).mean()\n' + CUT),
    ("trailing z-score", SERIES + LAG + 'r = df["t"].rolling(30)\ndf["f"] = (df["t"] - r.mean()) / r.std()\n' + CUT),
    ("forward fill", SERIES + LAG + 'df["f"] = df["t"].ffill().fillna(0)\n' + CUT),
    ("label ahead", SERIES + LAG + 'df["f"] = df["t"]\ndf["y"] = df["price"].shift(-5)\ndf = df.dropna()\n' + CUT),
    (
        "label ahead under its own name",
        SERIES
        + 'df["f"] = df["t"].diff()\ndf["in_an_hour"] = df["price"].shift(-1)\ndf = df.dropna()\nn = 100\nfeatures = [c for c in df.columns if c not in ["in_an_hour", "ts"]]\ntrain, test = df[:n], df[n:]\nm = Ridge().fit(train[features], train["in_an_hour"])\nprint(m.score(test[features], test["in_an_hour"]))\n',
    ),
    (
        "label dropped",
        SERIES
        + 'df["f"] = df["t"].diff()\ndf["outcome"] = df["price"].shift(-1)\nX = df.drop(columns=["outcome", "ts"])\ny = df["outcome"]\nn = 100\nm = Ridge().fit(X[:n], y[:n])\nprint(m.score(X[n:], y[n:]))\n',
    ),
    (
        "strategy returns",
        'import pandas as pd\ndf = pd.read_csv("bars.csv")\ndf["position"] = (df["close"] > df["close"].rolling(20).mean()).astype(int)\ndf["pnl"] = df["position"] * df["close"].pct_change().shift(-1)\nprint(df["pnl"].sum())\n',
    ),
    ("schedule ahead", SERIES + LAG + 'df["f"] = df["is_holiday"].shift(-1)\n' + CUT),
    (
        "split by a date of the data",
        SERIES
        + LAG
        + 'df["f"] = df["t"]\ncut = df["ts"].max() - pd.Timedelta("30d")\ntrain, test = df[df.ts < cut], df[df.ts >= cut]\nm = Ridge().fit(train[["f"]], train.y)\nprint(m.score(test[["f"]], test.y))\n',
    ),
    (
        "time series split",
        SERIES + LAG + 'print(cross_val_score(Ridge(), df[["lag"]], df["y"], cv=TimeSeriesSplit(5, gap=24)))\n',
    ),
    (
        "people with birthdays",
        'import pandas as pd\nfrom sklearn.linear_model import Ridge\nfrom sklearn.model_selection import train_test_split\ndf = pd.read_csv("people.csv", parse_dates=["born"])\ndf["age"] = 2024 - df["born"].dt.year\nX_train, X_test, y_train, y_test = train_test_split(df[["age"]], df["income"])\nprint(Ridge().fit(X_train, y_train).score(X_test, y_test))\n',
    ),
    (
        "latest row per person",
        'import pandas as pd\nfrom sklearn.linear_model import Ridge\nfrom sklearn.model_selection import train_test_split\ndf = pd.read_csv("visits.csv", parse_dates=["date"]).sort_values("date").drop_duplicates("person", keep="last")\nX_train, X_test, y_train, y_test = train_test_split(df[["age"]], df["cost"])\nprint(Ridge().fit(X_train, y_train).score(X_test, y_test))\n',
    ),
    ("cross section of one day", SERIES + LAG + 'df["f"] = df.groupby("date")["t"].rank(pct=True)\n' + CUT),
    ("days since the start", SERIES + LAG + 'df["f"] = (df["ts"] - df["ts"].min()).dt.days\n' + CUT),
    (
        "loop that looks back",
        SERIES
        + LAG
        + 'f = [0.0]\nfor i in range(1, len(df)):\n    f.append(df["t"].iloc[i] - df["t"].iloc[i - 1])\ndf["f"] = f\n'
        + CUT,
    ),
    ("as-of backward", SERIES + LAG + 'other = pd.read_csv("macro.csv")\ndf = pd.merge_asof(df, other, on="ts")\n' + CUT),
    ("smoothed for a plot", SERIES + 'import matplotlib.pyplot as plt\nplt.plot(df["y"].rolling(7, center=True).mean())\n'),
    (
        "exploration",
        'import pandas as pd\ndf = pd.read_csv("t.csv")\ndf["smooth"] = df["v"].rolling(7, center=True).mean()\ndf.plot()\n',
    ),
    (
        "trailing strategy",
        "from freqtrade.strategy import IStrategy\nclass S(IStrategy):\n    def populate_indicators(self, dataframe, metadata):\n        dataframe['n'] = dataframe['close'] / dataframe['close'].rolling(100).max()\n        return dataframe\n    def custom_exit(self, pair, trade):\n        dataframe, _ = self.dp.get_analyzed_dataframe(pair)\n        return dataframe['close'].iloc[-1] > 3\n",
    ),
    (
        "torch loop",
        "import torch\nfrom torch import nn\nfrom sklearn.preprocessing import StandardScaler\nfrom sklearn.model_selection import train_test_split\nimport numpy as np\nX, y = np.load('x.npy'), np.load('y.npy')\na, b, c, d = train_test_split(X, y)\ns = StandardScaler()\na, b = torch.tensor(s.fit_transform(a)), torch.tensor(s.transform(b))\nnet = nn.Linear(3, 1)\nfor e in range(9):\n    loss = ((net(a) - torch.tensor(c)) ** 2).mean()\n    loss.backward()\nprint(((net(b) - torch.tensor(d)) ** 2).mean())\n",
    ),
    (
        "custom transformer in a pipeline",
        HEAD
        + "class Mean(BaseEstimator):\n    def fit(self, X, y=None):\n        self.mean_ = X.mean()\n        return self\n    def transform(self, X):\n        return X.fillna(self.mean_)\nprint(cross_val_score(make_pipeline(Mean(), LogisticRegression()), X, y))\n",
    ),
    (
        "custom transformer on train",
        HEAD
        + "class Mean:\n    def fit(self, X):\n        self.mean_ = X.mean()\n        return self\n    def transform(self, X):\n        return X.fillna(self.mean_)\n"
        + SPLIT
        + "t = Mean().fit(X_train)\nX_train, X_test = t.transform(X_train), t.transform(X_test)\n"
        + SCORE,
    ),
    (
        "own split function",
        HEAD
        + "def cut(frame, share=0.8):\n    n = int(len(frame) * share)\n    return frame.iloc[:n], frame.iloc[n:]\ntrain, test = cut(df)\nm = Ridge().fit(train[['a']], train['y'])\nprint(m.score(test[['a']], test['y']))\n",
    ),
    (
        "imported split function",
        HEAD
        + "from project import divide\ntrain, test = divide(df)\nm = Ridge().fit(train[['a']], train['y'])\nprint(m.score(test[['a']], test['y']))\n",
    ),
]
