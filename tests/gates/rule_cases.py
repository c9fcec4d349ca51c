"""For each rule one case that it has to fail and one that looks alike and has to pass; held by `test_rule_pages.py`.

`seen` cases only look at frames and tables, `probed` ones run a features stage in this process, `shop` ones are workspaces that
really run (their honest twin is the plain shop, unless one is given).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.gates import shop
from tests.gates.loans import CODE, CONTRACT
from tests.gates.probed import subject_of
from tests.gates.subjects import HOURS, TOLD_MODEL, contract, running, seen, shop_frame
from tests.workspaces import SHOP_FEATURES, SHOP_MODEL, SHOP_SPLIT
from workbench.gates.facts import Audit
from workbench.gates.schema.profile import profile
from workbench.pipeline.contract import Contract
from workbench.sessions.touches import Looks

Subject = Callable[[Path], AbstractContextManager[Audit]]


@dataclass(frozen=True)
class Case:
    """`severity` is the worst that the failing case gets; `runs` says that a workspace has to be run for it."""

    failing: Subject
    passing: Subject
    severity: str = "error"
    runs: bool = False


CASES: dict[str, Case] = {}


def looks(rule: str, failing: Callable[[], Audit], passing: Callable[[], Audit], severity: str = "error") -> None:
    """A case that needs no process."""
    CASES[rule] = Case(lambda path: nullcontext(failing()), lambda path: nullcontext(passing()), severity)


def runs(rule: str, failing: dict[str, Any], passing: dict[str, Any] | None = None, severity: str = "error") -> None:
    """A case whose workspace is run."""
    CASES[rule] = Case(lambda path: running(path, **failing), lambda path: running(path, **(passing or {})), severity, runs=True)


# Splits --------------------------------------------------------------------------------------------------------------

FRAME = shop_frame()
BEFORE = (FRAME["hour"] < HOURS[24 * 20]).to_numpy()
TRAIN, TEST = np.flatnonzero(FRAME["hour"] <= HOURS[24 * 20] - pd.Timedelta("26h")), np.flatnonzero(~BEFORE)
NUMBERS = ["lag", "mean", "price", "units"]


def split(train: Any = TRAIN, test: Any = TEST, frame: pd.DataFrame = FRAME, **prediction: Any) -> Audit:
    return seen(frame, [(train, test)], contract(**prediction))


def copied(noise: float) -> Audit:
    rng = np.random.default_rng(5)
    source = FRAME[NUMBERS].to_numpy(copy=True)
    source[TEST[:20]] = source[TRAIN[100:120]] * (1 + noise * rng.standard_normal((20, len(NUMBERS))))
    return split(frame=FRAME.assign(**dict(zip(NUMBERS, source.T))))


def grouped(train: Any, test: Any) -> Audit:
    frame = FRAME.assign(tailnum=FRAME["store"] + FRAME["hour"].dt.strftime("%d"))
    return split(train, test, frame, groups=["tailnum"])


MIXED = np.random.default_rng(0).permutation(len(FRAME))
looks("leakage/overlap", lambda: split(np.append(TRAIN, TEST[:7])), split)
looks("leakage/duplicates", lambda: copied(0.0), split)
looks("leakage/near-duplicates", lambda: copied(1e-4), split)
looks("leakage/shared-group", lambda: grouped(MIXED[:700], MIXED[700:]), lambda: grouped(TRAIN, TEST))
looks("leakage/time-order", lambda: split(MIXED[:700], MIXED[700:]), split)
looks("leakage/label-embargo", lambda: split(np.flatnonzero(BEFORE)), split)
looks("leakage/fold-coverage", lambda: split(test=np.append(TEST, TEST[:3])), lambda: split(np.flatnonzero(BEFORE)))
looks(
    "leakage/unknown-label",
    lambda: split(frame=FRAME.assign(units=FRAME["units"].where(FRAME.index != TEST[0]))),
    lambda: split(frame=FRAME.assign(units=FRAME["units"].where(FRAME.index != TRAIN[0]))),
)
runs(
    "leakage/outcome-filter",
    {
        "split": SHOP_SPLIT.replace(
            "        yield train, test\n",
            '        test = test[frame["units"].to_numpy()[test] < frame["units"].quantile(0.9)]\n        yield train, test\n',
        )
    },
)
runs("leakage/unstable-split", {"split": "import numpy as np\n\ndef folds(frame):\n    o = np.random.permutation(len(frame))\n"
                                         "    yield o[:800], o[800:]\n"})  # fmt: skip
runs(
    "leakage/late-label",
    {
        "features": SHOP_FEATURES.replace(
            '    frame["hour_of_day"]',
            '    frame["units"] = frame.groupby(["store", frame["hour"].dt.floor("D")])["units"].transform("mean")\n'
            '    frame["hour_of_day"]',
        )
    },
)

# Features ------------------------------------------------------------------------------------------------------------


def features(**given: shop.Feature) -> Audit:
    return subject_of(shop.builder(given), shop.contract(plan=False))


looks(
    "leakage/future-feature",
    lambda: features(x=shop.LEAKS["negative_shift"][0]),
    lambda: features(x=shop.HONEST["trailing_rolling"]),
)
looks(
    "availability/late-source",
    lambda: features(x=shop.LEAKS["publication_lag"][0]),
    lambda: features(x=shop.HONEST["published_macro"]),
)
looks(
    "availability/late-column",
    lambda: features(footfall=shop.LEAKS["future_covariate"][0]),
    lambda: features(footfall=lambda sales, given: shop.by_store(sales, "footfall").shift(4)),
)


def rows_to_come(keep: bool) -> Audit:
    def build(given: shop.Tables) -> pd.DataFrame:
        sales = given["sales"].sort_values(["store", "date"], ignore_index=True)
        frame = sales[["store", "date", "units"]].assign(lag_7=sales.groupby("store")["units"].shift(7))
        return frame if keep else frame.dropna(subset=["units"])

    return subject_of(build)


looks("parity/live-row", lambda: rows_to_come(False), lambda: rows_to_come(True), "warning")
ONLINE = """
import pandas as pd

from pipelines.shop.features import build


def row(request, tables):
    hour = pd.to_datetime(request["hour"], utc=True).tz_localize(None)
    frame = build(tables)
    found = frame[(frame["store"] == request["store"]) & (frame["hour"] == hour)].iloc[0]
    return {**found[["lag_48h", "mean_23h", "price", "hour_of_day"]].to_dict(), "size": found["size"] * FACTOR}
"""
SERVE = [("[sources.sales]", 'serve = "pipelines.shop.online:row"\n\n[sources.sales]')]
runs(
    "parity/served-row",
    {"edits": SERVE, "files": {"pipelines/shop/online.py": ONLINE.replace("FACTOR", "60")}},
    {"edits": SERVE, "files": {"pipelines/shop/online.py": ONLINE.replace("FACTOR", "1")}},
)


def loans(expression: str) -> dict[str, Any]:
    return {"contract": CONTRACT, "files": {"pipelines/shop/loans.py": CODE.replace("FEATURE", f'frame["x"] = {expression}')}}


runs("leakage/fold-features", loans('frame["income"] / frame["income"].mean()'), loans('np.log(frame["income"])'))
BACKTEST = """
import pandas as pd

from pipelines.shop.features import build
from pipelines.shop.model import fit, predict


def backtest(tables):
    frame = build(tables)
    start = pd.Timestamp("2024-01-19")
    train, test = frame[frame["hour"] <= start - pd.Timedelta("GAP")], frame[frame["hour"] >= start]
    return test[["store", "hour", "units"]].assign(prediction=predict(fit(train), test), fold=0)
"""
UNDIVIDED = [
    (
        'features = "pipelines.shop.features:build"\nsplit    = "pipelines.shop.split:folds"\n'
        'fit      = "pipelines.shop.model:fit"\npredict  = "pipelines.shop.model:predict"\n'
        'metrics  = "pipelines.shop.metrics:score"\n',
        'backtest = "pipelines.shop.whole:backtest"\n',
    )
]
runs(
    "leakage/future-prediction",
    {"edits": UNDIVIDED, "files": {"pipelines/shop/whole.py": BACKTEST.replace("GAP", "1h")}},
    {"edits": UNDIVIDED, "files": {"pipelines/shop/whole.py": BACKTEST.replace("GAP", "26h")}},
)

# Fits ----------------------------------------------------------------------------------------------------------------

POST = [("[sources.sales]", 'postprocess = "pipelines.shop.model:post"\n\n[sources.sales]')]


def model(old: str, new: str) -> dict[str, Any]:
    assert old in SHOP_MODEL
    return {"model": SHOP_MODEL.replace(old, new)}


def post(expression: str) -> dict[str, Any]:
    return {"model": SHOP_MODEL + f"\n\ndef post(predictions, frame):\n    return {expression}\n", "edits": POST}


runs(
    "leakage/fit-sees-test",
    {
        "features": SHOP_FEATURES.replace("import pandas as pd", "import pandas as pd\n\nLEFT = {}").replace(
            'return frame[frame["hour"]', 'LEFT["all"] = frame\n    return frame[frame["hour"]'
        ),
        "model": SHOP_MODEL.replace("import numpy as np", "import numpy as np\n\nfrom pipelines.shop import features").replace(
            'return {"coefficients": coefficients}',
            'return {"coefficients": coefficients * features.LEFT["all"]["units"].mean() / train["units"].mean()}',
        ),
    },
)
runs("leakage/predict-sees-label", post('predictions + (frame["units"] - predictions).mean()'), post("predictions.clip(0)"))
runs(
    "leakage/batch-prediction",
    post("np.minimum(predictions, np.quantile(predictions, 0.9))"),
    post("np.minimum(predictions, 90)"),
)
runs("leakage/reads-outside", {**model("def fit(train):", 'def fit(train):\n    open("pipelines/shop/labels.csv").read()'),
                               "files": {"pipelines/shop/labels.csv": "units\n1\n"}})  # fmt: skip
runs(
    "leakage/unstable-fit",
    model('return {"coefficients": coefficients}', 'return {"coefficients": coefficients + 1e-4 * np.random.normal()}'),
    severity="warning",
)

# Metrics -------------------------------------------------------------------------------------------------------------


def scored(noise: float = 1.0, change: Callable[[Audit], object] = lambda subject: None, **metrics: Any) -> Audit:
    """One fold whose predictions are the outcomes plus noise."""
    rng = np.random.default_rng(2)
    made = FRAME["units"].to_numpy()[TEST] + noise * rng.normal(size=len(TEST))
    facts = contract().model_dump(by_alias=True, exclude_none=True)
    facts["metrics"] = {"primary": "mae", "direction": "minimize", "baseline": "mean", **metrics}
    facts["slices"] = {"by": ["store"], "max_regression": 0.1}
    subject = seen(FRAME, [(TRAIN, TEST)], Contract.model_validate(facts), predictions=[made])
    subject.base.scores = [{"mae": float(np.abs(FRAME["units"].to_numpy()[TEST] - made).mean())}]
    change(subject)
    return subject


def worst_dropped(subject: Audit) -> None:
    errors = np.abs(FRAME["units"].to_numpy()[TEST] - subject.base.fold_runs[0].predictions)
    subject.base.scores = [{"mae": float(errors[errors < np.quantile(errors, 0.9)].mean())}]


def one_lost(subject: Audit) -> None:
    subject.base.fold_runs[0].predictions[3] = np.nan


def one_store_wrong(subject: Audit) -> None:
    wrong = FRAME["store"].to_numpy()[TEST] == "S1"
    subject.base.fold_runs[0].predictions = np.where(wrong, 50.0, subject.base.fold_runs[0].predictions)


looks("metric/baseline", lambda: scored(noise=5.0), scored)
looks("metric/recomputed", lambda: scored(change=worst_dropped), scored)
looks("metric/dropped-rows", lambda: scored(change=one_lost), scored)
looks("metric/slices", lambda: scored(change=one_store_wrong), scored)
looks("metric/too-good", lambda: scored(noise=0.001), scored, "warning")
runs(
    "metric/permuted-labels",
    {"model": TOLD_MODEL},
)


class _Counted(AbstractContextManager[Audit]):
    """A running shop whose test has been looked at so often."""

    def __init__(self, path: Path, count: int) -> None:
        self._shop = running(path, edits=[("[slices]", "[budgets]\ntest_touches = 3\n\n[slices]")])
        self._count = count

    def __enter__(self) -> Audit:
        subject = self._shop.__enter__()
        subject.looks = lambda held_out, code: Looks(count=self._count, budget=3)
        return subject

    def __exit__(self, *error: Any) -> None:
        self._shop.__exit__(*error)


CASES["metric/test-reuse"] = Case(lambda path: _Counted(path, 9), lambda path: _Counted(path, 1), runs=True)

# Proxies -------------------------------------------------------------------------------------------------------------


def customers(make: Callable[[np.ndarray, np.random.Generator], Any], *, kind: str = "binary") -> Audit:
    """A problem without time with one feature `x`."""
    rng = np.random.default_rng(0)
    skill = rng.normal(0, 1, 900)
    y = (skill + rng.logistic(0, 0.6, 900) > 0) * 1 if kind == "binary" else np.exp(3 + skill)
    frame = pd.DataFrame({"case": np.arange(900), "y": y, "skill": skill.round(2) if kind == "binary" else rng.normal(size=900)})
    frame["x"] = make(y, rng)
    facts = shop.contract().model_dump(exclude_none=True, by_alias=True)
    facts |= {"kind": kind, "sources": {"cases": {"static": True}}, "prediction": {"entity": ["case"], "target": "y"}}
    return subject_of(lambda given: given["cases"].copy(), Contract.model_validate(facts), {"cases": frame})


looks(
    "proxy/target-copy",
    lambda: customers(lambda y, rng: np.log(y), kind="regression"),
    lambda: customers(lambda y, rng: y * np.exp(rng.normal(size=len(y))), kind="regression"),
)
looks(
    "proxy/row-order",
    lambda: customers(lambda y, rng: pd.Series(y).rank(method="first").astype(int)),
    lambda: customers(lambda y, rng: rng.permutation(len(y))),
)
looks(
    "proxy/missing-values",
    lambda: customers(lambda y, rng: np.where(y == 1, rng.normal(size=len(y)), np.nan)),
    lambda: customers(lambda y, rng: np.where(rng.random(len(y)) < 0.5, rng.normal(size=len(y)), np.nan)),
)
looks(
    "proxy/strong-feature",
    lambda: customers(lambda y, rng: y * np.exp(0.1 * rng.normal(size=len(y))), kind="regression"),
    lambda: customers(lambda y, rng: y * np.exp(rng.normal(size=len(y))), kind="regression"),
    "warning",
)

# Tables --------------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
SALES = pd.DataFrame(
    {
        "hour": pd.date_range("2024-01-01", periods=300, freq="h"),
        "carrier": RNG.choice(["AA", "B6", "DL"], 300),
        "distance": RNG.gamma(3, 300, 300).round(),
        "flight": np.arange(1000, 1300),
        "delay": RNG.normal(10, 20, 300).round(1),
    }
)


def table(sales: pd.DataFrame, columns: dict[str, Any] | None = None, *, reference: bool = False) -> Audit:
    facts = contract().model_dump(by_alias=True, exclude_none=True)
    facts["sources"] = {"sales": {"time": "hour", "columns": columns or {}}}
    subject = seen(FRAME.iloc[:4], [([0, 1], [2, 3])], Contract.model_validate(facts))
    subject.tables = {"sales": sales}
    subject.once("reference", lambda: profile({"sales": SALES}) if reference else None)
    return subject


def declares(rule: str, column: str, bad: Callable[[pd.Series], pd.Series], **facts: Any) -> None:
    looks(
        rule,
        lambda: table(SALES.assign(**{column: bad(SALES[column])}), {column: facts}),
        lambda: table(SALES, {column: facts}),
    )


declares("schema/type", "distance", lambda s: s.astype(str), type="number")
declares("schema/range", "distance", lambda s: s.where(s.index != 3, -99), min=0)
declares("schema/categories", "carrier", lambda s: s.str.lower(), categories=["AA", "B6", "DL"])
declares("schema/unique", "flight", lambda s: s.where(s != 1001, 1002), unique=True)
declares("schema/null-rate", "delay", lambda s: s.where(s > 0), max_null_rate=0.05)


def changes(rule: str, now: pd.DataFrame) -> None:
    looks(rule, lambda: table(now, reference=True), lambda: table(SALES, reference=True))


changes("schema/renamed", SALES.rename(columns={"carrier": "carrier_code"}))
changes("schema/retyped", SALES.assign(flight=SALES["flight"].astype(str)))
changes("schema/rescaled", SALES.assign(distance=SALES["distance"] * 1.609344))


def aged(max_age: str) -> Audit:
    facts = contract().model_dump(by_alias=True, exclude_none=True)
    facts["sources"] = {"visits": {"time": "at", "max_age": max_age}}
    subject = seen(FRAME, [(TRAIN, TEST)], Contract.model_validate(facts))
    subject.tables = {"visits": FRAME.loc[BEFORE, ["store", "hour"]].rename(columns={"hour": "at"})}
    subject.once("reference", lambda: None)
    return subject


looks("schema/freshness", lambda: aged("1d"), lambda: aged("30d"))


# The honest twin takes its measure from the training rows.
_NEAR = 'train = train[(frame["price"].iloc[train] - frame["price"].iloc[{side}].mean()).abs().to_numpy() < 1.2]\n'
runs(
    "leakage/split-sees-test",
    {"split": SHOP_SPLIT.replace("yield train, test", _NEAR.format(side="test") + "        yield train, test")},
    {"split": SHOP_SPLIT.replace("yield train, test", _NEAR.format(side="train") + "        yield train, test")},
)
