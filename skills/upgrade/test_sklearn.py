"""What scikit-learn took away: each case fails on the installed library and runs after the repair, with exactly this text."""

from pathlib import Path

import pytest

from skills.upgrade.trying import check_cure, check_no_cure

CURES = {
    "base-estimator": (
        """\
from sklearn.ensemble import BaggingRegressor, AdaBoostRegressor
from sklearn.tree import DecisionTreeRegressor
m = BaggingRegressor(base_estimator=DecisionTreeRegressor(), n_estimators=3).fit(X, y)
k = AdaBoostRegressor(
    base_estimator=DecisionTreeRegressor(max_depth=2),
)
""",
        """\
from sklearn.ensemble import BaggingRegressor, AdaBoostRegressor
from sklearn.tree import DecisionTreeRegressor
m = BaggingRegressor(estimator=DecisionTreeRegressor(), n_estimators=3).fit(X, y)
k = AdaBoostRegressor(
    estimator=DecisionTreeRegressor(max_depth=2),
)
""",
    ),
    "base-estimator-2": (
        """\
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeRegressor
GridSearchCV(BaggingRegressor(DecisionTreeRegressor()), {"base_estimator__max_depth": [1, 2]}).fit(X, y)
""",
        """\
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeRegressor
GridSearchCV(BaggingRegressor(DecisionTreeRegressor()), {"estimator__max_depth": [1, 2]}).fit(X, y)
""",
    ),
    "base-estimator-attribute": (
        """\
from sklearn.ensemble import BaggingRegressor
print(BaggingRegressor().fit(X, y).base_estimator_)
""",
        """\
from sklearn.ensemble import BaggingRegressor
print(BaggingRegressor().fit(X, y).estimator_)
""",
    ),
    "one-hot-sparse": (
        """\
from sklearn.preprocessing import OneHotEncoder
OneHotEncoder(sparse=False, handle_unknown="ignore").fit(X)
""",
        """\
from sklearn.preprocessing import OneHotEncoder
OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(X)
""",
    ),
    "get-feature-names": (
        """\
from sklearn.preprocessing import OneHotEncoder
names = ["k"] + OneHotEncoder().fit(X).get_feature_names(["a", "b", "c"])
""",
        """\
from sklearn.preprocessing import OneHotEncoder
names = ["k"] + list(OneHotEncoder().fit(X).get_feature_names_out(["a", "b", "c"]))
""",
    ),
    "get-feature-names-2": (
        """\
from sklearn.preprocessing import OneHotEncoder
names = OneHotEncoder().fit(X).get_feature_names()
""",
        """\
from sklearn.preprocessing import OneHotEncoder
names = OneHotEncoder().fit(X).get_feature_names_out()
""",
    ),
    "squared": (
        """\
from sklearn.metrics import mean_squared_error
rmse = mean_squared_error(y, y, squared=False)
""",
        """\
from sklearn.metrics import root_mean_squared_error
rmse = root_mean_squared_error(y, y)
""",
    ),
    "squared-2": (
        """\
from sklearn.metrics import mean_absolute_error, mean_squared_error
rmse = mean_squared_error(y, y, squared=False); mse = mean_squared_error(y, y)
""",
        """\
from sklearn.metrics import mean_absolute_error, mean_squared_error, root_mean_squared_error
rmse = root_mean_squared_error(y, y); mse = mean_squared_error(y, y)
""",
    ),
    "squared-3": (
        """\
from sklearn import metrics
rmse = metrics.mean_squared_error(y, y, sample_weight=None, squared=False)
m = metrics.mean_squared_error(y, y, squared=True)
""",
        """\
from sklearn import metrics
rmse = metrics.root_mean_squared_error(y, y, sample_weight=None)
m = metrics.mean_squared_error(y, y)
""",
    ),
    "squared-4": (
        """\
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.linear_model import Ridge
make_scorer(mean_squared_error, squared=False, greater_is_better=False)(Ridge().fit(X, y), X, y)
""",
        """\
from sklearn.metrics import make_scorer, root_mean_squared_error
from sklearn.linear_model import Ridge
make_scorer(root_mean_squared_error, greater_is_better=False)(Ridge().fit(X, y), X, y)
""",
    ),
    "LinearRegression-normalize": (
        """\
from sklearn.linear_model import Ridge, Lasso
Ridge(normalize=False, alpha=2).fit(X, y)
Lasso(normalize=False)
""",
        """\
from sklearn.linear_model import Ridge, Lasso
Ridge(alpha=2).fit(X, y)
Lasso()
""",
    ),
    "GradientBoostingRegressor-loss-ls": (
        """\
from sklearn.ensemble import GradientBoostingRegressor as GBR
GBR(loss="ls").fit(X, y)
""",
        """\
from sklearn.ensemble import GradientBoostingRegressor as GBR
GBR(loss="squared_error").fit(X, y)
""",
    ),
    "GradientBoostingRegressor-loss-lad": (
        """\
from sklearn.ensemble import GradientBoostingRegressor
PARAMS = {"loss": "lad", "n_estimators": 5}
m = GradientBoostingRegressor(**PARAMS)
m.fit(X, y)
""",
        """\
from sklearn.ensemble import GradientBoostingRegressor
PARAMS = {"loss": "absolute_error", "n_estimators": 5}
m = GradientBoostingRegressor(**PARAMS)
m.fit(X, y)
""",
    ),
    "GradientBoostingClassifier-loss-deviance": (
        """\
from sklearn.ensemble import GradientBoostingClassifier
GradientBoostingClassifier(n_estimators=3, loss='deviance').fit(X, yc)
""",
        """\
from sklearn.ensemble import GradientBoostingClassifier
GradientBoostingClassifier(n_estimators=3, loss="log_loss").fit(X, yc)
""",
    ),
    "RandomForestRegressor-criterion-mse": (
        """\
from sklearn.ensemble import RandomForestRegressor
RandomForestRegressor(n_estimators=3, criterion="mse", max_features="auto").fit(X, y)
""",
        """\
from sklearn.ensemble import RandomForestRegressor
RandomForestRegressor(n_estimators=3, criterion="squared_error", max_features=1.0).fit(X, y)
""",
    ),
    "RandomForestClassifier-max_features-auto": (
        """\
from sklearn.ensemble import RandomForestClassifier
RandomForestClassifier(n_estimators=3, max_features="auto").fit(X, yc)
""",
        """\
from sklearn.ensemble import RandomForestClassifier
RandomForestClassifier(n_estimators=3, max_features="sqrt").fit(X, yc)
""",
    ),
    "SGDClassifier-loss-log": (
        """\
from sklearn.linear_model import SGDClassifier, LogisticRegression
SGDClassifier(loss="log").fit(X, yc)
""",
        """\
from sklearn.linear_model import SGDClassifier, LogisticRegression
SGDClassifier(loss="log_loss").fit(X, yc)
""",
    ),
    "LogisticRegression-penalty-none": (
        """\
from sklearn.linear_model import LogisticRegression
LogisticRegression(penalty="none").fit(X, yc)
""",
        """\
from sklearn.linear_model import LogisticRegression
LogisticRegression(penalty=None).fit(X, yc)
""",
    ),
    "LogisticRegression-multi_class": (
        """\
from sklearn.linear_model import LogisticRegression
LogisticRegression(C=2, multi_class="auto").fit(X, yc)
""",
        """\
from sklearn.linear_model import LogisticRegression
LogisticRegression(C=2).fit(X, yc)
""",
    ),
    "plot_confusion_matrix": (
        """\
from sklearn.metrics import accuracy_score, plot_confusion_matrix
def plot(m): return plot_confusion_matrix(m, X, yc)
""",
        """\
from sklearn.metrics import accuracy_score, ConfusionMatrixDisplay
def plot(m): return ConfusionMatrixDisplay.from_estimator(m, X, yc)
""",
    ),
    "module-cross_validation": (
        """\
from sklearn.cross_validation import train_test_split
train_test_split(X, y)
""",
        """\
from sklearn.model_selection import train_test_split
train_test_split(X, y)
""",
    ),
    "module-ensemble.forest": (
        "from sklearn.ensemble.forest import RandomForestRegressor\n",
        "from sklearn.ensemble import RandomForestRegressor\n",
    ),
    "externals-joblib": (
        """\
from sklearn.externals import joblib
joblib.hash(1)
""",
        """\
import joblib
joblib.hash(1)
""",
    ),
    "n-features": (
        """\
from sklearn.ensemble import RandomForestRegressor
RandomForestRegressor(n_estimators=2).fit(X, y).n_features_
""",
        """\
from sklearn.ensemble import RandomForestRegressor
RandomForestRegressor(n_estimators=2).fit(X, y).n_features_in_
""",
    ),
    "make-scorer-response": (
        """\
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.linear_model import LogisticRegression
make_scorer(roc_auc_score, needs_threshold=True)(LogisticRegression().fit(X, yc), X, yc)
""",
        """\
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.linear_model import LogisticRegression
make_scorer(roc_auc_score, response_method=("decision_function", "predict_proba"))(LogisticRegression().fit(X, yc), X, yc)
""",
    ),
    "agglomerative-affinity": (
        """\
from sklearn.cluster import AgglomerativeClustering
AgglomerativeClustering(n_clusters=2, affinity="euclidean", linkage="average").fit(X)
""",
        """\
from sklearn.cluster import AgglomerativeClustering
AgglomerativeClustering(n_clusters=2, metric="euclidean", linkage="average").fit(X)
""",
    ),
}

NO_CURES = {
    "squared-0": """\
from sklearn.metrics import mean_squared_error
sq = False
rmse = mean_squared_error(y, y, squared=sq)
""",
    "LinearRegression-normalize-1": """\
from sklearn.linear_model import Ridge
Ridge(alpha=2, normalize=True).fit(X, y)
""",
    "LogisticRegression-multi_class-2": """\
from sklearn.linear_model import LogisticRegression
LogisticRegression(C=2, multi_class="ovr").fit(X, yc)
""",
    "load-boston-3": "from sklearn.datasets import load_boston\n",
}


@pytest.mark.parametrize(("before", "after"), CURES.values(), ids=CURES)
def test_cure(before: str, after: str, tmp_path: Path) -> None:
    check_cure(tmp_path, before, after)


@pytest.mark.parametrize("before", NO_CURES.values(), ids=NO_CURES)
def test_no_cure(before: str, tmp_path: Path) -> None:
    check_no_cure(tmp_path, before)
