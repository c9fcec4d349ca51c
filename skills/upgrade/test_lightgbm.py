"""What LightGBM took away: each case fails on the installed library and runs after the repair, with exactly this text."""

from pathlib import Path

import pytest

from skills.upgrade.trying import check_cure

CURES = {
    "engine-keywords": (
        """\
import lightgbm as lgb
d = lgb.Dataset(X, y)
b = lgb.train({"verbose": -1}, d, num_boost_round=5, valid_sets=[d], verbose_eval=False, early_stopping_rounds=3)
""",
        """\
import lightgbm as lgb
d = lgb.Dataset(X, y)
b = lgb.train({"verbose": -1}, d, num_boost_round=5, valid_sets=[d], callbacks=[lgb.early_stopping(3, verbose=False)])
""",
    ),
    "engine-keywords-2": (
        """\
import lightgbm as lgb
d = lgb.Dataset(X, y)
res = {}
n = 2
b = lgb.train(
    {"verbose": -1},
    d,
    num_boost_round=5,
    valid_sets=[d],  # the same
    # comment stays
    verbose_eval=n,  # goes
    evals_result=res,
    callbacks=[lgb.reset_parameter(learning_rate=lambda i: 0.1)],
)
assert res
""",
        """\
import lightgbm as lgb
d = lgb.Dataset(X, y)
res = {}
n = 2
b = lgb.train(
    {"verbose": -1},
    d,
    num_boost_round=5,
    valid_sets=[d],  # the same
    # comment stays
    callbacks=[lgb.reset_parameter(learning_rate=lambda i: 0.1), lgb.log_evaluation(n), lgb.record_evaluation(res)],
)
assert res
""",
    ),
    "engine-keywords-3": (
        """\
from lightgbm import Dataset, train
d = Dataset(X, y)
b = train({"verbose": -1}, d, 5, valid_sets=[d], learning_rates=lambda i: 0.1, verbose_eval=True)
""",
        """\
from lightgbm import Dataset, train, log_evaluation, reset_parameter
d = Dataset(X, y)
b = train({"verbose": -1}, d, 5, valid_sets=[d], callbacks=[log_evaluation(1), reset_parameter(learning_rate=lambda i: 0.1)])
""",
    ),
    "engine-keywords-4": (
        """\
import lightgbm
d = lightgbm.Dataset(X, y)
params = {"verbose": -1, "metric": "l2"}
r = lightgbm.cv(
    params,
    d,
    5,
    nfold=3,
    stratified=False,
    early_stopping_rounds=2,
    verbose_eval=1,
    show_stdv=False
)
""",
        """\
import lightgbm
d = lightgbm.Dataset(X, y)
params = {"verbose": -1, "metric": "l2"}
r = lightgbm.cv(
    params,
    d,
    5,
    nfold=3,
    stratified=False,
    callbacks=[lightgbm.early_stopping(2), lightgbm.log_evaluation(1, show_stdv=False)],
)
""",
    ),
    "cv-result-names": (
        """\
import lightgbm as lgb
r = lgb.cv({"verbose": -1, "metric": "l2"}, lgb.Dataset(X, y), 5, nfold=3, stratified=False)
print(r["l2-mean"][-1], r['l2-stdv'][-1])
""",
        """\
import lightgbm as lgb
r = lgb.cv({"verbose": -1, "metric": "l2"}, lgb.Dataset(X, y), 5, nfold=3, stratified=False)
print(r["valid l2-mean"][-1], r['valid l2-stdv'][-1])
""",
    ),
    "engine-keywords-5": (
        """\
import lightgbm as lgb
cb = None
d = lgb.Dataset(X, y)
b = lgb.train({"verbose": -1}, d, 5, valid_sets=[d], callbacks=cb, early_stopping_rounds=3)
""",
        """\
import lightgbm as lgb
cb = None
d = lgb.Dataset(X, y)
b = lgb.train({"verbose": -1}, d, 5, valid_sets=[d], callbacks=[*(cb or []), lgb.early_stopping(3)])
""",
    ),
    "engine-keywords-6": (
        """\
import lightgbm as lgb
opts = {"valid_sets": [lgb.Dataset(X, y)], "verbose_eval": 5}
b = lgb.train({"verbose": -1}, lgb.Dataset(X, y), 5, **opts)
""",
        """\
import lightgbm as lgb
opts = {"valid_sets": [lgb.Dataset(X, y)], "callbacks": [lgb.log_evaluation(5)]}
b = lgb.train({"verbose": -1}, lgb.Dataset(X, y), 5, **opts)
""",
    ),
    "engine-keywords-7": (
        """\
import lightgbm as lgb
opts = dict(num_boost_round=5, verbose_eval=False)
b = lgb.train({"verbose": -1}, lgb.Dataset(X, y), **opts)
""",
        """\
import lightgbm as lgb
opts = dict(num_boost_round=5)
b = lgb.train({"verbose": -1}, lgb.Dataset(X, y), **opts)
""",
    ),
    "engine-keywords-8": (
        """\
import lightgbm as lgb
def fit(*a, **kw):
    return lgb.train({"verbose": -1}, *a, **kw)
b = fit(lgb.Dataset(X, y), 5, verbose_eval=False)
""",
        """\
import lightgbm as lgb
def fit(*a, **kw):
    return lgb.train({"verbose": -1}, *a, **kw)
b = fit(lgb.Dataset(X, y), 5)
""",
    ),
    "engine-keywords-9": (
        """\
import functools, lightgbm as lgb
fit = functools.partial(lgb.train, {"verbose": -1}, verbose_eval=False)
b = fit(lgb.Dataset(X, y), 5)
""",
        """\
import functools, lightgbm as lgb
fit = functools.partial(lgb.train, {"verbose": -1})
b = fit(lgb.Dataset(X, y), 5)
""",
    ),
    "engine-keywords-10": (
        """\
import lightgbm as lgb
b = lgb.train({"verbose": -1}, lgb.Dataset(df.assign(a=1), y), 5, categorical_feature=["a"])
""",
        """\
import lightgbm as lgb
b = lgb.train({"verbose": -1}, lgb.Dataset(df.assign(a=1), y).set_categorical_feature(["a"]), 5)
""",
    ),
    "engine-keywords-11": (
        """\
import lightgbm as lgb
def obj(p, d):
    return p - d.get_label(), np.ones_like(p)
b = lgb.train({"verbose": -1}, lgb.Dataset(X, y), 5, fobj=obj)
""",
        """\
import lightgbm as lgb
def obj(p, d):
    return p - d.get_label(), np.ones_like(p)
b = lgb.train({**{"verbose": -1}, "objective": obj}, lgb.Dataset(X, y), 5)
""",
    ),
    "fit-keywords": (
        """\
from lightgbm import LGBMRegressor
m = LGBMRegressor(n_estimators=5, verbose=-1)
m.fit(X, y, eval_set=[(X, y)], early_stopping_rounds=3, verbose=False)
""",
        """\
from lightgbm import LGBMRegressor, early_stopping
m = LGBMRegressor(n_estimators=5, verbose=-1)
m.fit(X, y, eval_set=[(X, y)], callbacks=[early_stopping(3, verbose=False)])
""",
    ),
    "fit-keywords-2": (
        """\
import lightgbm as lgb
m = lgb.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, y, eval_set=[(X, y)], verbose=2)
""",
        """\
import lightgbm as lgb
m = lgb.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, y, eval_set=[(X, y)], callbacks=[lgb.log_evaluation(2)])
""",
    ),
    "fit-keywords-3": (
        """\
from lightgbm import LGBMClassifier
from sklearn.pipeline import Pipeline
p = Pipeline([("m", LGBMClassifier(n_estimators=5, verbose=-1))])
p.fit(X, yc, m__eval_set=[(X, yc)], m__early_stopping_rounds=3)
""",
        """\
from lightgbm import LGBMClassifier, early_stopping
from sklearn.pipeline import Pipeline
p = Pipeline([("m", LGBMClassifier(n_estimators=5, verbose=-1))])
p.fit(X, yc, m__eval_set=[(X, yc)], m__callbacks=[early_stopping(3)])
""",
    ),
    "fit-keywords-4": (
        """\
import lightgbm as lgb
kw = {"eval_set": [(X, y)], "early_stopping_rounds": 3, "verbose": 0}
lgb.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, y, **kw)
""",
        """\
import lightgbm as lgb
kw = {"eval_set": [(X, y)], "callbacks": [lgb.early_stopping(3, verbose=False)]}
lgb.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, y, **kw)
""",
    ),
    "silent": (
        """\
import lightgbm as lgb
d = lgb.Dataset(X, y, silent=True)
""",
        """\
import lightgbm as lgb
d = lgb.Dataset(X, y)
""",
    ),
}


@pytest.mark.parametrize(("before", "after"), CURES.values(), ids=CURES)
def test_cure(before: str, after: str, tmp_path: Path) -> None:
    check_cure(tmp_path, before, after)
