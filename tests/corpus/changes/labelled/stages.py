"""Plain changes of what the stages do, each labelled by reading what it means: split … serving, contract, data."""

# Tables of texts are easier to read unbroken.
# ruff: noqa: E501

from __future__ import annotations

from tests.corpus.changes.bases import BASES
from tests.corpus.changes.cases import Case, Edits, swap

Row = tuple[str, ...]
"""(file, old, new[, old, new …]); `shop/x` and `loans/x` say where a file lies."""


def located(place: str) -> tuple[str, str]:
    """`shop/split.py` → the base and the path in it."""
    base, _, path = place.partition("/")
    for prefix in ("pipelines/shop/", "") if base == "shop" else ("lib/", "pipelines/loans/", ""):
        if prefix + path in BASES[base]:
            return base, prefix + path
    raise ValueError(place)


def rows(kinds: str, *given: Row) -> list[Case]:
    """Cases of one label (the first kind) from replacements."""
    made = []
    for number, (place, *texts) in enumerate(given, 1):
        base, path = located(place)
        pairs = list(zip(texts[::2], texts[1::2], strict=True))
        made.append(Case(kinds.split()[0], f"{number:02d} {place}", base, swap(base, path, *pairs), tuple(kinds.split())))
    return made


def whole(kinds: str, base: str, *given: Edits) -> list[Case]:
    """Cases of one label from whole files."""
    label = kinds.split()[0]
    return [
        Case(label, f"{base} {number:02d} {next(iter(edits))}", base, edits, tuple(kinds.split()))
        for number, edits in enumerate(given, 1)
    ]


CASES: list[Case] = [
    *rows(
        "split",
        ("shop/split.py", "hour <= last_known(start)", "hour < start"),
        ("shop/split.py", "gap = clock.horizon() + clock.label_delay()", "gap = clock.horizon()"),
        ("shop/split.py", "end - pd.Timedelta(days=back)", "end - pd.Timedelta(days=back + 1)"),
        ("shop/split.py", "(hour < start + length)", "(hour <= start + length)"),
        ("shop/split.py", "yield train, test", "yield test, train"),
        ("shop/split.py", "yield train, test", "yield np.union1d(train, test[:5]), test"),
        ("shop/split.py", "for start in starts(hour):", "for start in starts(hour)[:1]:"),
        ("shop/settings.py", "FOLD_DAYS = 3", "FOLD_DAYS = 2"),
        ("shop/settings.py", "FOLDS_BACK = (9, 6, 3)", "FOLDS_BACK = (6, 3)"),
        ("shop/settings.py", "LABEL_HOURS = 2", "LABEL_HOURS = 1"),
        ("shop/clock.py", "pd.Timedelta(hours=HORIZON_HOURS)", "pd.Timedelta(minutes=HORIZON_HOURS)"),
        ("shop/clock.py", "hours=LABEL_HOURS", "hours=LABEL_HOURS // 2"),
        ("loans/folds.py", "% self.config.folds", "% 2"),
        ("loans/folds.py", "inside = fold == number", "inside = fold >= number"),
        ("loans/folds.py", 'frame["client"].to_numpy() %', "np.arange(len(frame)) %"),
        ("loans/folds.py", "np.flatnonzero(~inside), np", "np.arange(len(frame)), np"),
        ("loans/config/loans.toml", "count = 4", "count = 5"),
        ("loans/config.py", 'folds=table["folds"]["count"]', 'folds=table["folds"]["count"] + 1'),
        ("loans/learner.py", "    x = train[COLUMNS]", "    from sklearn.model_selection import train_test_split\n\n"
         "    train, _ = train_test_split(train, test_size=0.2)\n    x = train[COLUMNS]"),
    ),
    *rows(
        "feature",
        ("shop/features.py", "units.shift(48)", "units.shift(24)"),
        ("shop/features.py", 'frame["lag_48h"] = units.shift(48)', 'frame["lag_48h"] = units.shift(48).fillna(0)'),
        ("shop/features.py", "series.shift(26)", "series.shift(25)"),
        ("shop/features.py", "rolling(23, min_periods=1)", "rolling(23, min_periods=12)"),
        ("shop/features.py", ".mean()\n\n\ndef build", ".median()\n\n\ndef build"),
        ("shop/features.py", 'WARM_UP = "50h"', 'WARM_UP = "72h"'),
        ("shop/features.py", 'frame["hour_of_day"] = hour_of_day(frame["hour"])', 'frame["hour_of_day"] = hour_of_day(frame["hour"]) % 12'),
        ("shop/features.py", 'first = frame["hour"].min()', 'frame["price_lag"] = frame.groupby("store")["price"].shift(24)\n    first = frame["hour"].min()'),
        ("shop/features.py", 'frame["hour"] >= first', 'frame["hour"] > first'),
        ("shop/clock.py", 'hours.dt.hour.astype("float64")', 'hours.dt.dayofweek.astype("float64")'),
        ("shop/clock.py", 'astype("float64")', 'astype("float32")'),
        ("loans/features.py", 'np.log1p(loans["income"])', 'np.log(loans["income"])'),
        ("loans/features.py", '{"E": 0, "N": 1,', '{"E": 1, "N": 0,'),
        ("loans/features.py", 'loans["debt"] / loans["income"]', 'loans["debt"] / (loans["income"] + 1)'),
        ("loans/features.py", 'frame["load"] = self.load(loans)', 'frame["load"] = self.load(loans).rank()'),
        ("loans/features.py", '        return frame\n', '        frame["rich"] = loans["income"] > 30000\n        return frame\n'),
        ("loans/features.py", ".astype(float)", '.fillna(-1).astype(float)'),
    ),
    *rows(
        "label",
        ("shop/features.py", '    frame["lag_48h"]', '    frame["units"] = frame["units"].clip(0, 50)\n    frame["lag_48h"]'),
        ("shop/features.py", '    frame["lag_48h"]', '    frame[TARGET] = frame[TARGET].round()\n    frame["lag_48h"]'),
        ("shop/features.py", 'first = frame["hour"].min()', 'frame = frame.assign(units=frame["units"] / frame["size"])\n    first = frame["hour"].min()'),
        ("shop/features.py", "    return frame.sort_values", '    frame = frame.dropna(subset=["units"])\n    return frame.sort_values'),
        ("shop/data.py", "units=units.round(3)", "units=units.round(0)"),
        ("shop/data.py", "keys.assign(units=units.round(3))", "keys.assign(units=np.log1p(units))"),
        ("shop/data.py", "units.round(3)", "units.shift(1).round(3)"),
        ("shop/prepare.py", "    return result", '    result["sales"] = tables["sales"].assign(units=tables["sales"]["units"] * 2)\n    return result'),
        ("shop/prepare.py", "    return result", '    sales = tables["sales"].copy()\n    sales["units"] = sales["units"].fillna(0)\n'
         '    result["sales"] = sales\n    return result'),
        ("shop/contract.toml", 'target = "units"', 'target = "price"'),
        ("shop/contract.toml", 'label_known_after = "2h"', 'label_known_after = "30min"'),
        ("shop/contract.toml", 'target_time = "hour"', 'target_time = "day"'),
        ("shop/settings.py", 'TARGET = "units"', 'TARGET = "net_units"'),
        ("loans/source.py", "(rng.random(rows) < chance)", "(chance > 0.5)"),
        ("loans/source.py", '"default": (rng', '"default": 1 - (rng'),
        ("loans/features.py", '"default"]].copy()', '"default"]].assign(default=lambda t: t["default"].astype(float))'),
        ("loans/steps.py", "return {name: PREPARATION(table)", 'return {name: PREPARATION(table).assign(default=table["default"].fillna(0))'),
        ("loans/contract.toml", 'target = "default"', 'target = "late"'),
    ),
    *rows(
        "metric",
        ("shop/metrics.py", "float(np.mean(errors))", "float(np.median(errors))"),
        ("shop/metrics.py", "np.abs(y_true - y_pred)", "np.abs(y_true - y_pred) / (1 + y_true)"),
        ("shop/metrics.py", '{"mae": mae, "rmse": rmse}', '{"mae": rmse, "rmse": mae}'),
        ("shop/metrics.py", "    mae = ", "    errors = errors[errors < 20]\n    mae = "),
        ("shop/metrics.py", "np.mean(errors**2)", "np.mean(errors**3)"),
        ("shop/metrics.py", '"rmse": rmse}', '"rmse": rmse, "bias": float(np.mean(y_pred - y_true))}'),
        ("shop/metrics.py", "errors = absolute_errors(y_true, y_pred)", "errors = absolute_errors(y_true, y_pred.round())"),
        ("shop/contract.toml", 'primary = "mae"', 'primary = "rmse"'),
        ("shop/contract.toml", 'direction = "minimize"', 'direction = "maximize"'),
        ("shop/contract.toml", 'baseline = "mean"', 'baseline = "last_value"'),
        ("shop/contract.toml", "margin = 0.02", "margin = 0.01"),
        ("loans/judge.py", "np.mean((y - p) ** 2)", "np.mean(np.abs(y - p))"),
        ("loans/judge.py", "p >= 0.5", "p > 0.5"),
        ("loans/judge.py", "float(self.function(", "round(self.function("),
        ("loans/judge.py", "return SCORES[0].of", "return SCORES[1].of"),
        ("loans/judge.py", "for each in SCORES}", "for each in SCORES[:1]}"),
        ("loans/contract.toml", 'primary = "brier"', 'primary = "accuracy"'),
        ("loans/contract.toml", 'definition = "lib.judge:brier"', 'definition = "lib.judge:score"'),
    ),
    *rows(
        "contract",
        ("shop/contract.toml", 'known_after = "2h"\n[sources.sales.columns]', 'known_after = "1h"\n[sources.sales.columns]'),
        ("shop/contract.toml", "max = 100", "max = 200"),
        ("shop/contract.toml", "max_null_rate = 0.1", "max_null_rate = 0.2"),
        ("shop/contract.toml", 'horizon = "24h"', 'horizon = "12h"'),
        ("shop/contract.toml", 'entity = ["store"]', "entity = []"),
        ("shop/contract.toml", '"price", "size"', '"size"'),
        ("shop/contract.toml", 'kind = "regression"', 'kind = "binary"'),
        ("shop/contract.toml", 'latency_p95 = "50ms"', 'latency_p95 = "5s"'),
        ("shop/contract.toml", "bias_gap = 2.0", "bias_gap = 9.0"),
        ("shop/contract.toml", "max_regression = 0.5", "max_regression = 0.9"),
        ("shop/contract.toml", 'by = ["store"]', 'by = ["size"]'),
        ("shop/contract.toml", "static = true", 'time = "hour"'),
        ("shop/contract.toml", '"pipelines.shop.split:folds"', '"pipelines.shop.split:starts"'),
        ("loans/contract.toml", 'groups = ["client"]', 'groups = ["region"]'),
        ("loans/contract.toml", 'baseline = "prior"\n', ""),
        ("loans/contract.toml", "min = 0 }", "min = 1 }"),
        ("loans/contract.toml", 'categories = ["E", "N", "S", "W"]', 'categories = ["E", "N"]'),
    ),
    *rows(
        "data",
        ("shop/data.py", "rng.integers(-2, 3", "rng.integers(-3, 4"),
        ("shop/data.py", "price = 10 +", "price = 11 +"),
        ("shop/data.py", 'freq="h"', 'freq="30min"'),
        ("shop/data.py", '{"A": 1.0, "B": 2.0}', '{"A": 1.0, "B": 2.5}'),
        ("shop/data.py", "pd.read_csv(paths.STORES)", 'pd.read_csv(paths.STORES, dtype={"store": "string"})'),
        ("shop/data.py", "pd.read_csv(paths.STORES)", 'pd.read_csv(paths.STORES).rename(columns={"size": "area"})'),
        ("shop/data.py", '"2024-01-01"', '"2023-01-01"'),
        ("shop/settings.py", "DAYS = 24", "DAYS = 30"),
        ("shop/paths.py", "data/stores.csv", "data/stores_v2.csv"),
        ("shop/data.py", 'how="cross"', 'how="inner"'),
        ("loans/source.py", "rng.lognormal(10, 0.5, rows)", "rng.lognormal(10, 0.7, rows)"),
        ("loans/source.py", '"debt": debt,', '"debt": debt.round(2),'),
        ("loans/config/loans.toml", "rows = 240", "rows = 300"),
        ("loans/source.py", '            {\n                "loan"', '            {\n                "country": "DE",\n                "loan"'),
    ),
    *whole(
        "data", "shop",
        {"data/stores.csv": "store,size\nA,1.5\nB,2.0\n"},
        {"data/stores.csv": "store,size\nA,1.0\nB,2.0\nC,3.0\n"},
        {"data/history.csv": None},
        {"data/extra.parquet": b"PAR1"},
    ),
    *rows(
        "model",
        ("shop/model.py", "2 * np.pi * x[:, 4] / 24", "2 * np.pi * x[:, 4] / 12"),
        ("shop/model.py", "np.nan_to_num(x)", "np.nan_to_num(x, nan=-1.0)"),
        ("shop/model.py", "np.linalg.solve(x.T @ x + penalty, x.T @ y)", "np.linalg.lstsq(x, y, rcond=None)[0]"),
        ("shop/model.py", "np.eye(x.shape[1])", "np.diag(np.arange(x.shape[1]))"),
        ("shop/model.py", 'design(frame) @ model["coefficients"]', 'np.exp(design(frame) @ model["coefficients"])'),
        ("shop/model.py", ", np.ones(len(x))", ""),
        ("shop/settings.py", "RIDGE = 0.001", "RIDGE = 0.1"),
        ("shop/settings.py", '"price", "size", "hour_of_day"]', '"price", "hour_of_day", "size"]'),
        ("shop/model.py", "np.sin(angle), ", ""),
        ("shop/model.py", 'return {"coefficients": coefficients}', 'return {"coefficients": coefficients.round(4)}'),
        ("loans/config/loans.toml", "steps = 30", "steps = 300"),
        ("loans/config/loans.toml", "rate = 0.3", "rate = 0.1"),
        ("loans/learner.py", "1 / (1 + np.exp(-values))", "np.tanh(values)"),
        ("loans/learner.py", "+ 1e-9)", "+ 1e-3)"),
        ("loans/learner.py", "for _ in range(CONFIG.steps)", "for _ in range(2 * CONFIG.steps)"),
        ("loans/learner.py", "x.mean(axis=0), x.std", "np.median(x, axis=0), x.std"),
        ("loans/learner.py", "return sigmoid(restored.scores(frame))", "return restored.scores(frame)"),
    ),
    *rows(
        "preprocessing",
        ("shop/prepare.py", "fillna(10.0)", "fillna(9.0)"),
        ("shop/prepare.py", 'filled["price"].fillna(10.0)', 'filled["price"].ffill()'),
        ("shop/prepare.py", "filled = prices.copy()", "filled = prices"),
        ("shop/prepare.py", "    return filled", '    filled["price"] = filled["price"].round(1)\n    return filled'),
        ("shop/prepare.py", 'result["prices"] = fill_prices(tables["prices"])', 'result["prices"] = tables["prices"]'),
        ("shop/prepare.py", "    return filled", '    return filled.rename(columns={"price": "cost"})'),
        ("shop/prepare.py", "    return result", '    result["prices"]["price"] = result["prices"]["price"].abs()\n    return result'),
        ("shop/checks.py", 'given["lowest_price"]', "0"),
        ("shop/checks.py", '("sales", "prices", "stores")', '("sales", "prices")'),
        ("shop/config/limits.json", "100", "120"),
        ("shop/contract.toml", "pipelines.shop.prepare:clean", "pipelines.shop.prepare:fill_prices"),
        ("loans/steps.py", "highest=1e6", "highest=1e5"),
        ("loans/steps.py", ".str.upper()", ".str.lower()"),
        ("loans/steps.py", "clip(upper=highest)", "clip(upper=highest, lower=0)"),
        ("loans/steps.py", 'compose(partial(upper, column="region"), ', "compose("),
        ("loans/steps.py", "reduce(lambda made, step: step(made), steps, frame)", "reduce(lambda made, step: step(made), steps[::-1], frame)"),
    ),
    *rows(
        "postprocessing",
        ("shop/finish.py", "np.maximum(predictions, LOWEST)", "np.maximum(predictions, 1.0)"),
        ("shop/finish.py", "np.maximum(predictions, LOWEST)", "predictions"),
        ("shop/finish.py", "np.maximum(predictions, LOWEST)", "np.maximum(predictions, LOWEST).round()"),
        ("shop/finish.py", "np.maximum(predictions, LOWEST)", "np.maximum(predictions, LOWEST) * 1.05"),
        ("shop/finish.py", "np.maximum(predictions, LOWEST)", "np.clip(predictions, LOWEST, 100)"),
        ("shop/finish.py", "np.maximum(predictions, LOWEST)", 'np.where(frame["size"] == 1, predictions, predictions * 2)'),
        ("shop/settings.py", "LOWEST = 0.0", "LOWEST = 0.5"),
        ("shop/finish.py", "np.maximum(", "np.fmax("),
        ("shop/contract.toml", 'postprocess = "pipelines.shop.finish:finish"\n', ""),
        ("loans/decide.py", "1 - CONFIG.floor", "1"),
        ("loans/decide.py", "np.clip(predictions, low, high)", "np.clip(predictions, low, high) ** 2"),
        ("loans/decide.py", "np.clip(predictions, low, high)", "1 - np.clip(predictions, low, high)"),
        ("loans/config/loans.toml", "floor = 0.01", "floor = 0.05"),
        ("loans/decide.py", "low, high = CONFIG.floor", "low, high = 0.0"),
        ("loans/contract.toml", "lib.decide:decide", "lib.decide:finish"),
        ("loans/decide.py", "    low, high", "    predictions = predictions * 0.98\n    low, high"),
    ),
    *rows(
        "serving",
        ("shop/online.py", "whole.shift(48)", "whole.shift(24)"),
        ("shop/online.py", "tz_localize(None)", 'tz_convert("Europe/Berlin").tz_localize(None)'),
        ("shop/online.py", "float(hour.hour)", "float(hour.dayofweek)"),
        ("shop/online.py", '"price": float(now["price"].iloc[0])', '"price": 10.0'),
        ("shop/online.py", 'freq="h"', 'freq="2h"'),
        ("shop/online.py", 'prices["hour"] == hour', 'prices["hour"] <= hour'),
        ("shop/online.py", "iloc[0]", "iloc[-1]"),
        ("shop/online.py", 'float(stores.loc[request["store"], "size"])', "1.0"),
        ("shop/online.py", '["units"]\n', '["units"].fillna(0)\n'),
        ("shop/online.py", "own.index.min(), hour", "own.index.min(), own.index.max()"),
        ("shop/online.py", '    return {\n', '    answered = {\n', '"hour_of_day": float(hour.hour),\n    }', '"hour_of_day": float(hour.hour),\n    }\n    return {k: round(v, 2) for k, v in answered.items()}'),
        ("shop/online.py", "float(recent_mean(whole).iloc[-1])", "float(whole.mean())"),
        ("shop/contract.toml", "pipelines.shop.online:answer", "pipelines.shop.online:reply"),
        ("shop/contract.toml", 'serve       = "pipelines.shop.online:answer"\n', ""),
        ("shop/features.py", "rolling(23, min_periods=1)", "rolling(22, min_periods=1)"),
    ),
]  # fmt: skip
