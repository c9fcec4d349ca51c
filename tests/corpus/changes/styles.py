"""Harmless refactors in further styles: what people do to code that works, from match statements to pandas said otherwise.

They were written before anything was measured on them; `benchmarks/README.md` keeps the first figure apart from later ones.
"""

# Tables of texts are easier to read unbroken.
# ruff: noqa: E501

from __future__ import annotations

import json

from tests.corpus.changes.bases import SHOP
from tests.corpus.changes.cases import Case, more, swap
from tests.corpus.changes.harmless import S, moved, rows, whole

_RUN = json.loads(SHOP["notebooks/look.ipynb"])
_RUN["cells"][1] |= {"execution_count": 7, "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}]}

CASES: list[Case] = [
    *rows(
        "a dataclass taken out",
        ("shop/metrics.py", '    mae = float(np.mean(errors))\n    rmse = float(np.sqrt(np.mean(errors**2)))\n    return {"mae": mae, "rmse": rmse}',
         '    found = Scores(float(np.mean(errors)), float(np.sqrt(np.mean(errors**2))))\n    return {"mae": found.mae, "rmse": found.rmse}',
         "import numpy as np\n", "from dataclasses import dataclass\n\nimport numpy as np\n\n\n@dataclass(frozen=True)\nclass Scores:\n    mae: float\n    rmse: float\n"),
        ("shop/split.py", "    for start in starts(hour):\n        train = np.flatnonzero(hour <= last_known(start))\n        test = np.flatnonzero((hour >= start) & (hour < start + length))\n",
         "    for window in [Window(start, start + length) for start in starts(hour)]:\n        train = np.flatnonzero(hour <= last_known(window.start))\n        test = np.flatnonzero((hour >= window.start) & (hour < window.end))\n",
         "def starts(", "@dataclass(frozen=True)\nclass Window:\n    start: pd.Timestamp\n    end: pd.Timestamp\n\n\ndef starts(", "import numpy as np\nimport pandas", "from dataclasses import dataclass\n\nimport numpy as np\nimport pandas"),
        ("loans/decide.py", "    low, high = CONFIG.floor, 1 - CONFIG.floor\n    return np.clip(predictions, low, high)", "    bounds = Bounds(CONFIG.floor, 1 - CONFIG.floor)\n    return np.clip(predictions, bounds.low, bounds.high)",
         "def decide", "class Bounds(NamedTuple):\n    low: float\n    high: float\n\n\ndef decide", "import numpy as np\n", "from typing import NamedTuple\n\nimport numpy as np\n"),
    ),
    *rows(
        "loops and comprehensions",
        ("shop/checks.py", '    for name in ("sales", "prices", "stores"):\n        if tables[name].empty:\n            raise ValueError(f"the table {name} is empty")\n',
         '    for name in [name for name in ("sales", "prices", "stores") if tables[name].empty]:\n        raise ValueError(f"the table {name} is empty")\n'),
        ("shop/split.py", "    found = []\n    for back in FOLDS_BACK:\n        found.append(end - pd.Timedelta(days=back))\n    return found", "    return list(end - pd.Timedelta(days=back) for back in FOLDS_BACK)"),
        ("shop/split.py", "    found = []\n    for back in FOLDS_BACK:\n        found.append(end - pd.Timedelta(days=back))\n    return found", "    for back in FOLDS_BACK:\n        yield end - pd.Timedelta(days=back)"),
        ("loans/learner.py", '    return {"weights": model.weights.tolist(), "center": model.center.tolist(), "scale": model.scale.tolist()}', '    return {name: getattr(model, name).tolist() for name in ("weights", "center", "scale")}'),
        ("loans/source.py", '    return {"loans": Source(CONFIG).table()}', '    tables = {}\n    tables["loans"] = Source(CONFIG).table()\n    return tables'),
        ("loans/folds.py", "        for number in range(self.config.folds):\n            inside = fold == number\n            yield np.flatnonzero(~inside), np.flatnonzero(inside)", "        yield from ((np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(self.config.folds))"),
    ),
    *rows(
        "walrus",
        ("shop/checks.py", "    prices = tables[\"prices\"][\"price\"]\n    if prices.min()", "    if (prices := tables[\"prices\"][\"price\"]).min()"),
        ("shop/model.py", "    x = design(train)\n    y = np.nan_to_num(train[TARGET].to_numpy(dtype=float))\n    penalty = RIDGE * np.eye(x.shape[1])\n", "    y = np.nan_to_num(train[TARGET].to_numpy(dtype=float))\n    penalty = RIDGE * np.eye((x := design(train)).shape[1])\n"),
        ("loans/source.py", "        rows = self.config.rows\n        income = rng.lognormal(10, 0.5, rows)", "        income = rng.lognormal(10, 0.5, rows := self.config.rows)"),
    ),
    *rows(
        "match",
        ("shop/checks.py", '    for name in ("sales", "prices", "stores"):\n        if tables[name].empty:\n            raise ValueError(f"the table {name} is empty")\n',
         '    for name in ("sales", "prices", "stores"):\n        match tables[name].empty:\n            case True:\n                raise ValueError(f"the table {name} is empty")\n'),
        ("loans/decide.py", "    low, high = CONFIG.floor, 1 - CONFIG.floor\n", "    match CONFIG.floor:\n        case floor:\n            low, high = floor, 1 - floor\n"),
        ("shop/report.py", '    return "%s: %.3f" % (name, value)', '    match value:\n        case int():\n            return f"{name}: {value}"\n        case _:\n            return f"{name}: {value:.3f}"'),
    ),
    *rows(
        "hints and docstrings",
        ("shop/clock.py", "def horizon():", "def horizon() -> pd.Timedelta:", "def label_delay():", "def label_delay() -> pd.Timedelta:", "def hour_of_day(hours):", "def hour_of_day(hours: pd.Series) -> pd.Series:"),
        ("shop/features.py", "import pandas as pd\n", "from __future__ import annotations\n\nfrom typing import TYPE_CHECKING\n\nimport pandas as pd\n\nif TYPE_CHECKING:\n    from collections.abc import Mapping\n", "def build(tables):", "def build(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:"),
        ("loans/judge.py", "import numpy as np\n", "from typing import Final\n\nimport numpy as np\n", "SCORES = [", "SCORES: Final = ["),
        ("loans/features.py", 'REGIONS = {"E"', 'REGIONS: dict[str, int] = {"E"', '    columns = ("income_log"', '    columns: tuple[str, ...] = ("income_log"'),
        ("shop/data.py", "def all_keys(stores):", 'def all_keys(stores: pd.DataFrame) -> pd.DataFrame:\n    """Every store in every hour.\n\n    Returns:\n        The columns `store` and `hour`.\n    """'),
        ("shop/settings.py", "SEED = 7\n", "SEED = 7\n\"\"\"Of everything that is drawn.\"\"\"\n"),
        ("loans/learner.py", "from __future__ import annotations\n", "from __future__ import annotations\n\nfrom typing import cast\n", "    return sigmoid(restored.scores(frame))", "    return cast(np.ndarray, sigmoid(restored.scores(frame)))"),
    ),
    *rows(
        "logging",
        ("shop/features.py", "import pandas as pd\n", "import logging\n\nimport pandas as pd\n", 'WARM_UP = "50h"', 'LOG = logging.getLogger(__name__)\nWARM_UP = "50h"', '    units = frame.groupby("store")[TARGET]\n', '    LOG.info("%d rows", len(frame))\n    units = frame.groupby("store")[TARGET]\n'),
        ("shop/model.py", "import numpy as np\n", "import logging\n\nimport numpy as np\n", "def design(", "logger = logging.getLogger(__name__)\n\n\ndef design(", "    x = design(train)\n", '    x = design(train)\n    logger.debug("fitting %s", x.shape)\n'),
        ("loans/learner.py", "from dataclasses import dataclass\n", "import logging\nfrom dataclasses import dataclass\n", "    for _ in range(CONFIG.steps):\n", '    logging.getLogger("learner").info("%d steps at %s", CONFIG.steps, CONFIG.rate)\n    for _ in range(CONFIG.steps):\n'),
        ("shop/split.py", "        yield train, test\n", "        log.debug(\"from %s: %d rows to train on, %d to test\", start, len(train), len(test))\n        yield train, test\n", "import numpy as np\n", "import logging\n\nimport numpy as np\n", "def starts(", "log = logging.getLogger(__name__)\n\n\ndef starts("),
    ),
    *rows(
        "renamed private names",
        ("loans/features.py", "    def income_log(self, loans", "    def _income_log(self, loans", "self.income_log(loans)", "self._income_log(loans)", "    def region_code(self, loans", "    def _region_code(self, loans", "self.region_code(loans)", "self._region_code(loans)"),
        ("loans/folds.py", "def fold_of(", "def _fold_of(", "self.fold_of(", "self._fold_of("), ("loans/source.py", "self.config", "self._config"),
        ("loans/judge.py", "self.name = name", "self.label = name", "each.name:", "each.label:"), ("shop/online.py", "own", "of_the_store"), ("shop/data.py", "all_keys", "_every_store_and_hour"),
        ("loans/steps.py", "PREPARATION", "_PREPARATION"), ("loans/learner.py", "class Logistic:", "class LogisticRegression:", "= Logistic(", "= LogisticRegression("),
    ),
    *whole(
        "moved and split modules", "shop",
        {**{path: text.replace("pipelines.shop.clock", "pipelines.shop.times.clock").replace("from pipelines.shop import clock", "from pipelines.shop.times import clock") for path, text in SHOP.items() if path.startswith(S) and path.endswith(".py") and "clock" in text},
         S + "clock.py": None, S + "times/__init__.py": "", S + "times/clock.py": SHOP[S + "clock.py"]},
        {**swap("shop", S + "model.py", ("import numpy as np\n", "import numpy as np\n\nfrom pipelines.shop.solve import ridge_solution\n"), ("    penalty = RIDGE * np.eye(x.shape[1])\n    coefficients = np.linalg.solve(x.T @ x + penalty, x.T @ y)\n", "    coefficients = ridge_solution(x, y, RIDGE)\n")),
         S + "solve.py": '"""Linear algebra."""\n\nimport numpy as np\n\n\ndef ridge_solution(x, y, strength):\n    penalty = strength * np.eye(x.shape[1])\n    return np.linalg.solve(x.T @ x + penalty, x.T @ y)\n'},
        {S + "report.py": None, "tools/report.py": SHOP[S + "report.py"]},
        moved(S + "features.py", S + "windows.py", "def recent_mean(", "def build(", "from pipelines.shop.windows import recent_mean"),
    ),
    *whole(
        "moved and split modules", "loans",
        {**swap("loans", "lib/learner.py", ("def sigmoid(values: np.ndarray) -> np.ndarray:\n    return 1 / (1 + np.exp(-values))\n\n\n", ""), ("from lib.features import FeatureBuilder\n", "from lib.features import FeatureBuilder\nfrom lib.numeric import sigmoid\n")),
         "lib/numeric.py": '"""Small functions of arrays."""\n\nimport numpy as np\n\n\ndef sigmoid(values: np.ndarray) -> np.ndarray:\n    return 1 / (1 + np.exp(-values))\n'},
    ),
    *rows(
        "other order",
        ("shop/clock.py", 'def horizon():\n    return pd.Timedelta(hours=HORIZON_HOURS)\n\n\ndef label_delay():\n    return pd.Timedelta(hours=LABEL_HOURS)\n', 'def label_delay():\n    return pd.Timedelta(hours=LABEL_HOURS)\n\n\ndef horizon():\n    return pd.Timedelta(hours=HORIZON_HOURS)\n'),
        ("loans/features.py", '    def income_log(self, loans: pd.DataFrame) -> pd.Series:\n        return np.log1p(loans["income"])\n\n    def region_code(self, loans: pd.DataFrame) -> pd.Series:\n        return loans["region"].map(REGIONS).astype(float)\n',
         '    def region_code(self, loans: pd.DataFrame) -> pd.Series:\n        return loans["region"].map(REGIONS).astype(float)\n\n    def income_log(self, loans: pd.DataFrame) -> pd.Series:\n        return np.log1p(loans["income"])\n'),
        ("shop/model.py", "    x = design(train)\n    y = np.nan_to_num(train[TARGET].to_numpy(dtype=float))\n", "    y = np.nan_to_num(train[TARGET].to_numpy(dtype=float))\n    x = design(train)\n"),
        ("shop/metrics.py", "    mae = float(np.mean(errors))\n    rmse = float(np.sqrt(np.mean(errors**2)))\n", "    rmse = float(np.sqrt(np.mean(errors**2)))\n    mae = float(np.mean(errors))\n"),
        ("loans/learner.py", "import numpy as np\nimport pandas as pd\n\nfrom lib.config import CONFIG\nfrom lib.features import FeatureBuilder\n", "import numpy as np\nimport pandas as pd\nfrom lib.config import CONFIG\nfrom lib.features import FeatureBuilder\n"),
    ),
    *rows(
        "constants, texts, early returns",
        ("loans/steps.py", "highest=1e6", "highest=HIGHEST_INCOME", "PREPARATION = compose", "HIGHEST_INCOME = 1_000_000.0\n\nPREPARATION = compose"),
        ("shop/online.py", 'freq="h"', "freq=HOURLY", "def answer", 'HOURLY = "h"\n\n\ndef answer'), ("loans/source.py", "- 0.6) * 3", "- USUAL_DEBT) * STEEPNESS", "class Source:", "USUAL_DEBT = 0.6\nSTEEPNESS = 3\n\n\nclass Source:"),
        ("shop/report.py", '"%s: %.3f" % (name, value)', '"{}: {:.3f}".format(name, value)'),
        ("shop/checks.py", "    if prices.min() < given[\"lowest_price\"] or prices.max() > given[\"highest_price\"]:\n        raise ValueError(\"a price is out of range\")\n",
         "    if prices.min() < given[\"lowest_price\"]:\n        raise ValueError(\"a price is out of range\")\n    if prices.max() > given[\"highest_price\"]:\n        raise ValueError(\"a price is out of range\")\n"),
        ("shop/prepare.py", '    result = dict(tables)\n    result["prices"] = fill_prices(tables["prices"])\n    return result', '    return {**tables, "prices": fill_prices(tables["prices"])}'),
    ),
    *rows(
        "pathlib and contextlib",
        ("shop/checks.py", "    with open(paths.LIMITS) as file:\n        return json.load(file)", "    return json.loads(Path(paths.LIMITS).read_text())", "import json\n", "import json\nfrom pathlib import Path\n"),
        ("loans/config.py", "    table = tomllib.loads(path.read_text())", '    with path.open("rb") as file:\n        table = tomllib.load(file)'),
        ("shop/tools/tidy.py", "os.path.basename(name)", "Path(name).name", "import os\nimport re\n", "import re\nfrom pathlib import Path\n"),
        ("shop/data.py", "    return pd.read_csv(paths.STORES)", "    with open(paths.STORES) as file:\n        return pd.read_csv(file)"),
    ),
    *rows(
        "as a formatter leaves it",
        ("shop/model.py", "    x = np.column_stack([x[:, :4], np.sin(angle), np.cos(angle), np.ones(len(x))])\n", "    x = np.column_stack(\n        [\n            x[:, :4],\n            np.sin(angle),\n            np.cos(angle),\n            np.ones(len(x)),\n        ]\n    )\n"),
        ("shop/features.py", '    frame = tables["prices"].merge(tables["stores"], on="store").merge(tables["sales"], on=["store", "hour"], how="left")\n', '    frame = (\n        tables["prices"]\n        .merge(tables["stores"], on="store")\n        .merge(tables["sales"], on=["store", "hour"], how="left")\n    )\n'),
        ("loans/judge.py", '"', "'"), ("shop/settings.py", '["lag_48h", "mean_23h", "price", "size", "hour_of_day"]', '[\n    "lag_48h",\n    "mean_23h",\n    "price",\n    "size",\n    "hour_of_day",\n]'),
        ("loans/steps.py", "from collections.abc import Callable\nfrom functools import partial, reduce\n", "from collections.abc import Callable\nfrom functools import partial\nfrom functools import reduce\n"),
    ),
    *whole(
        "words and notebooks", "shop",
        {"notebooks/look.ipynb": json.dumps(_RUN, indent=1) + "\n"}, more("shop", "README.md", "\n## Running it\n\n    make test\n"),
        {"notebooks/look.ipynb": SHOP["notebooks/look.ipynb"].replace("# A look", "# A longer look")}, swap("shop", S + "finish.py", ("    return np.maximum", "    # units can't be sold back\n    return np.maximum")),
    ),
    *rows(
        "pandas said otherwise",
        ("shop/prepare.py", '    filled = prices.copy()\n    filled["price"] = filled["price"].fillna(10.0)\n    return filled', '    return prices.assign(price=prices["price"].fillna(10.0))'),
        ("shop/features.py", '    frame["hour_of_day"] = hour_of_day(frame["hour"])\n', '    frame = frame.assign(hour_of_day=hour_of_day(frame["hour"]))\n'),
        ("shop/features.py", '    return frame[frame["hour"] >= first].reset_index(drop=True)', '    return frame.loc[frame["hour"] >= first].reset_index(drop=True)'),
        ("shop/features.py", '    return frame[frame["hour"] >= first].reset_index(drop=True)', '    return frame.query("hour >= @first").reset_index(drop=True)'),
        ("shop/features.py", 'frame["lag_48h"] = units.shift(48)', 'frame["lag_48h"] = units.shift(periods=48)'),
        ("shop/features.py", 'on="store").merge(', 'on="store", how="inner").merge('),
        ("loans/features.py", '        frame["income_log"] = self.income_log(loans)\n        frame["region_code"] = self.region_code(loans)\n        frame["load"] = self.load(loans)\n        return frame\n', '        return frame.assign(income_log=self.income_log(loans), region_code=self.region_code(loans), load=self.load(loans))\n'),
        ("loans/steps.py", "    return frame.assign(**{column: frame[column].clip(upper=highest)})", "    capped = frame.copy()\n    capped[column] = capped[column].clip(upper=highest)\n    return capped"),
        ("shop/online.py", 'own = sales[sales["store"] == request["store"]].set_index("hour")["units"]', 'own = sales.loc[sales["store"] == request["store"], ["hour", "units"]].set_index("hour")["units"]'),
        ("shop/features.py", '    frame["mean_23h"] = units.transform(recent_mean)\n', '    frame["mean_23h"] = units.transform(lambda series: recent_mean(series))\n'),
        ("shop/features.py", 'frame.sort_values(["store", "hour"], ignore_index=True)', 'frame.sort_values(by=["store", "hour"]).reset_index(drop=True)'),
        ("shop/metrics.py", "np.abs(y_true - y_pred)", "abs(y_true - y_pred)"),
        ("shop/metrics.py", "    mae = float(np.mean(errors))\n", "    mae = float(errors.mean())\n"),
        ("shop/model.py", "frame[FEATURES].to_numpy(dtype=float)", "frame.loc[:, FEATURES].to_numpy(dtype=float)"),
        ("loans/folds.py", 'frame["client"].to_numpy() % self.config.folds', 'np.asarray(frame["client"]) % self.config.folds'),
    ),
]  # fmt: skip
