"""Harmless refactors: the same said in another way, over code that stages reach and code that nothing reaches."""

# Tables of texts are easier to read unbroken.
# ruff: noqa: E501

from __future__ import annotations

from tests.corpus.changes.bases import SHOP
from tests.corpus.changes.cases import Case, Edits, more, swap
from tests.corpus.changes.labelled.stages import Row, located

S = "pipelines/shop/"


def rows(sort: str, *given: Row) -> list[Case]:
    """Refactors of one sort, from replacements."""
    made = []
    for number, (place, *texts) in enumerate(given, 1):
        base, path = located(place)
        made.append(Case(sort, f"{number:02d} {place}", base, swap(base, path, *zip(texts[::2], texts[1::2], strict=True))))
    return made


def whole(sort: str, base: str, *given: Edits) -> list[Case]:
    """Refactors of one sort, from whole files."""
    return [Case(sort, f"{base} {number:02d} {next(iter(edits))}", base, edits) for number, edits in enumerate(given, 1)]


def moved(path: str, target: str, start: str, end: str, line: str) -> Edits:
    """A part of a module, from `start` to `end`, moved to a module of its own and imported by `line`, put before the first def."""
    text = SHOP[path]
    begin, stop = text.index(start), text.index(end)
    part, rest = text[begin:stop], text[:begin] + text[stop:]
    head = text[: text.index("\n\n\ndef") if "\n\n\ndef" in text else 0]
    kept = [row for row in head.splitlines() if row.startswith(("import", "from"))]
    place = rest.rindex(kept[-1]) + len(kept[-1]) if kept else rest.index('"""\n') + 4
    return {path: rest[:place] + f"\n{line}" + rest[place:], target: "\n".join(kept) + "\n\n\n" + part.rstrip() + "\n"}


CASES: list[Case] = [
    *rows(
        "rename a local",
        ("shop/split.py", "found", "edges"), ("shop/split.py", "gap", "distance"), ("shop/features.py", "first", "earliest"), ("shop/features.py", "units = frame", "sold = frame", "= units.", "= sold."),
        ("shop/model.py", "angle", "phase"), ("shop/model.py", "penalty", "shrinkage"), ("shop/metrics.py", "errors = ", "misses = ", "np.mean(errors", "np.mean(misses"),
        ("shop/prepare.py", "filled", "whole"), ("shop/data.py", "rng = ", "draw = ", "rng.", "draw."),
        ("shop/checks.py", "given", "allowed"), ("shop/online.py", "whole", "series"), ("shop/online.py", "now", "current"), ("loans/decide.py", "low", "lower"),
        ("loans/learner.py", "gradient", "slope"), ("loans/folds.py", "inside", "chosen"), ("loans/source.py", "chance", "probability"), ("loans/learner.py", "restored", "model_again"),
    ),
    *rows(
        "extract or inline a variable",
        ("shop/split.py", "    gap = clock.horizon() + clock.label_delay()\n    return start - gap", "    return start - (clock.horizon() + clock.label_delay())"),
        ("shop/metrics.py", "    mae = float(np.mean(errors))\n", "    average = np.mean(errors)\n    mae = float(average)\n"),
        ("shop/model.py", "    return design(frame) @", "    x = design(frame)\n    return x @"), ("shop/model.py", "coefficients = np.linalg.solve(x.T @ x + penalty, x.T @ y)\n    return {\"coefficients\": coefficients}",
         'return {"coefficients": np.linalg.solve(x.T @ x + penalty, x.T @ y)}'),
        ("shop/features.py", 'frame["hour_of_day"] = hour_of_day(frame["hour"])', 'hours = frame["hour"]\n    frame["hour_of_day"] = hour_of_day(hours)'),
        ("shop/finish.py", "    return np.maximum", "    raised = np.maximum", "LOWEST)", "LOWEST)\n    return raised"),
        ("loans/decide.py", "    low, high = CONFIG.floor, 1 - CONFIG.floor\n    return np.clip(predictions, low, high)", "    return np.clip(predictions, CONFIG.floor, 1 - CONFIG.floor)"),
        ("loans/learner.py", "    return sigmoid(restored.scores(frame))", "    scores = restored.scores(frame)\n    return sigmoid(scores)"),
    ),
    *rows(
        "extract a function",
        ("shop/metrics.py", "    rmse = float(np.sqrt(np.mean(errors**2)))", "    rmse = root(errors)", "def score(", "def root(errors):\n    return float(np.sqrt(np.mean(errors**2)))\n\n\ndef score("),
        ("shop/split.py", "        train = np.flatnonzero(hour <= last_known(start))", "        train = before(hour, start)", "def folds(", "def before(hour, start):\n    return np.flatnonzero(hour <= last_known(start))\n\n\ndef folds("),
        ("shop/features.py", '    units = frame.groupby("store")[TARGET]\n', '    units = by_store(frame)\n', "def build(", 'def by_store(frame):\n    return frame.groupby("store")[TARGET]\n\n\ndef build('),
        ("shop/model.py", "    penalty = RIDGE * np.eye(x.shape[1])\n", "    penalty = ridge(x)\n", "def fit(", "def ridge(x):\n    return RIDGE * np.eye(x.shape[1])\n\n\ndef fit("),
        ("shop/checks.py", "        if tables[name].empty:\n            raise ValueError(f\"the table {name} is empty\")\n", "        not_empty(tables, name)\n", "def check(",
         'def not_empty(tables, name):\n    if tables[name].empty:\n        raise ValueError(f"the table {name} is empty")\n\n\ndef check('),
        ("shop/data.py", "    price = 10 + rng.integers(-2, 3, len(keys)).astype(float)\n", "    price = prices(rng, keys)\n", "def load(", "def prices(rng, keys):\n    return 10 + rng.integers(-2, 3, len(keys)).astype(float)\n\n\ndef load("),
        ("loans/decide.py", "    low, high = CONFIG.floor, 1 - CONFIG.floor\n", "    low, high = bounds()\n", "def decide", "def bounds():\n    return CONFIG.floor, 1 - CONFIG.floor\n\n\ndef decide"),
        ("loans/learner.py", "        gradient = design.T @ (sigmoid(design @ model.weights) - y) / len(y)\n", "        gradient = slope(design, model, y)\n", "def fit(",
         "def slope(design, model, y):\n    return design.T @ (sigmoid(design @ model.weights) - y) / len(y)\n\n\ndef fit("),
    ),
    *rows(
        "inline a function",
        ("shop/split.py", "hour <= last_known(start)", "hour <= start - (clock.horizon() + clock.label_delay())",
         "def last_known(start):\n    gap = clock.horizon() + clock.label_delay()\n    return start - gap\n\n\n", ""),
        ("shop/metrics.py", "errors = absolute_errors(y_true, y_pred)", "errors = np.abs(y_true - y_pred)", "def absolute_errors(y_true, y_pred):\n    return np.abs(y_true - y_pred)\n\n\n", ""),
        ("loans/decide.py", "from lib.config import CONFIG", "from lib.config import CONFIG as SETTINGS", "CONFIG.floor", "SETTINGS.floor"),
    ),
    *rows(
        "comprehension or loop",
        ("shop/split.py", "    found = []\n    for back in FOLDS_BACK:\n        found.append(end - pd.Timedelta(days=back))\n    return found", "    return [end - pd.Timedelta(days=back) for back in FOLDS_BACK]"),
        ("loans/judge.py", "    return {each.name: each.of(y_true, y_pred) for each in SCORES}", "    scores = {}\n    for each in SCORES:\n        scores[each.name] = each.of(y_true, y_pred)\n    return scores"),
        ("loans/steps.py", "    return {name: PREPARATION(table) for name, table in tables.items()}", "    prepared = {}\n    for name, table in tables.items():\n        prepared[name] = PREPARATION(table)\n    return prepared"),
        ("shop/report.py", "    rows = []\n    for name in sorted(scores):\n        rows.append(line(name, scores[name]))\n", "    rows = [line(name, scores[name]) for name in sorted(scores)]\n"),
        ("shop/model.py", '    parts = []\n    for name, value in zip(FEATURES, model["coefficients"]):\n        parts.append("{}: {}".format(name, round(value, 3)))\n    return ", ".join(parts)',
         '    return ", ".join(["{}: {}".format(name, round(value, 3)) for name, value in zip(FEATURES, model["coefficients"])])'),
        ("shop/tools/tidy.py", '    result = []\n    for name in names:\n        if name.endswith(".csv"):\n            result.append(os.path.basename(name))\n    return result',
         '    return [os.path.basename(name) for name in names if name.endswith(".csv")]'),
        ("loans/learner.py", '    restored = Logistic(*(np.asarray(model[name]) for name in ("weights", "center", "scale")))', '    restored = Logistic(*[np.asarray(model[name]) for name in ("weights", "center", "scale")])'),
    ),
    *rows(
        "f-string",
        ("shop/model.py", '"{}: {}".format(name, round(value, 3))', 'f"{name}: {round(value, 3)}"'), ("shop/report.py", '"%s: %.3f" % (name, value)', 'f"{name}: {value:.3f}"'),
        ("shop/checks.py", 'f"the table {name} is empty"', '"the table {} is empty".format(name)'), ("shop/checks.py", 'f"the table {name} is empty"', '"the table " + name + " is empty"'),
    ),
    *rows(
        "name a constant",
        ("shop/prepare.py", "fillna(10.0)", "fillna(USUAL_PRICE)", "def fill_prices", "USUAL_PRICE = 10.0\n\n\ndef fill_prices"), ("shop/features.py", "shift(48)", "shift(TWO_DAYS)", 'WARM_UP = "50h"', 'WARM_UP = "50h"\nTWO_DAYS = 48'),
        ("shop/split.py", 'pd.Timedelta("1h")', "pd.Timedelta(HOUR)", "def starts", 'HOUR = "1h"\n\n\ndef starts'), ("shop/model.py", " / 24", " / HOURS_A_DAY", "def design", "HOURS_A_DAY = 24\n\n\ndef design"),
        ("shop/features.py", "WARM_UP", "FIRST_HOURS"), ("loans/learner.py", "1e-9", "TINY", "COLUMNS = list", "TINY = 1e-9\nCOLUMNS = list"), ("loans/features.py", "REGIONS", "REGION_NUMBERS"),
        ("loans/judge.py", "p >= 0.5", "p >= HALF", "SCORES = [", "HALF = 0.5\nSCORES = ["),
    ),
    *rows(
        "type hints",
        ("shop/split.py", "def last_known(start):", "def last_known(start: pd.Timestamp) -> pd.Timestamp:"), ("shop/metrics.py", "def score(y_true, y_pred, frame):", "def score(y_true: object, y_pred: object, frame: object) -> dict[str, float]:"),
        ("shop/model.py", "def fit(train):", "def fit(train: object) -> dict:"), ("shop/prepare.py", "    filled = prices.copy()", "    filled: object = prices.copy()"),
        ("shop/settings.py", "SEED = 7", "SEED: int = 7"), ("loans/judge.py", "def __init__(self, name, function):", "def __init__(self, name: str, function: object) -> None:"),
        ("shop/features.py", "import pandas as pd\n", "from typing import Any\n\nimport pandas as pd\n", "def joined(tables)", "def joined(tables: Any)"),
    ),
    *rows(
        "docstrings and comments",
        ("shop/split.py", "def starts(hours):", 'def starts(hours):\n    """Where test windows begin."""'), ("shop/model.py", "def design(frame):", 'def design(frame):\n    """Numbers for the solver."""'),
        ("loans/folds.py", '"""A client\'s loans stay on one side."""', '"""All loans of a client are on one side."""'), ("shop/data.py", "    rng = ", "    # drawn once\n    rng = "),
        ("loans/learner.py", "class Logistic:", 'class Logistic:\n    """Weights of a logistic regression."""\n'),
    ),
    *rows(
        "imports in another order",
        ("shop/split.py", "import numpy as np\nimport pandas as pd", "import pandas as pd\nimport numpy as np"), ("shop/features.py", "from pipelines.shop.clock import hour_of_day\nfrom pipelines.shop.settings import TARGET", "from pipelines.shop.settings import TARGET\nfrom pipelines.shop.clock import hour_of_day"),
        ("shop/settings.py", '"""Numbers that several stages share."""\n', '"""Numbers that several stages share."""\n\nimport math\n'), ("loans/learner.py", "import numpy as np\nimport pandas as pd", "import pandas as pd\nimport numpy as np"),
        ("loans/steps.py", "from functools import partial, reduce", "from functools import reduce, partial"), ("shop/model.py", "import FEATURES, RIDGE, TARGET", "import (\n    FEATURES,\n    RIDGE,\n    TARGET,\n)"),
        ("shop/clock.py", "from pipelines.shop.settings import HORIZON_HOURS, LABEL_HOURS", "from pipelines.shop import settings", "hours=HORIZON_HOURS", "hours=settings.HORIZON_HOURS", "hours=LABEL_HOURS", "hours=settings.LABEL_HOURS"),
        ("shop/split.py", "from pipelines.shop import clock", "import pipelines.shop.clock as clock"),
    ),
    *rows(
        "definitions in another order",
        ("shop/metrics.py", "def absolute_errors(y_true, y_pred):\n    return np.abs(y_true - y_pred)\n\n\n", "", "    return {\"mae\": mae, \"rmse\": rmse}\n", "    return {\"mae\": mae, \"rmse\": rmse}\n\n\ndef absolute_errors(y_true, y_pred):\n    return np.abs(y_true - y_pred)\n"),
        ("shop/settings.py", "SEED = 7\nDAYS = 24\n", "DAYS = 24\nSEED = 7\n"), ("shop/settings.py", "FOLD_DAYS = 3\nFOLDS_BACK = (9, 6, 3)\nRIDGE = 0.001\n", "RIDGE = 0.001\nFOLDS_BACK = (9, 6, 3)\nFOLD_DAYS = 3\n"),
    ),
    *whole(
        "split a module", "shop",
        moved(S + "split.py", S + "windows.py", "def starts(", "def last_known(", "from pipelines.shop.windows import starts"),
        moved(S + "metrics.py", S + "errors.py", "def absolute_errors(", "def score(", "from pipelines.shop.errors import absolute_errors"),
        moved(S + "features.py", S + "tables.py", "def joined(", "def recent_mean(", "from pipelines.shop.tables import joined"),
        moved(S + "data.py", S + "stores.py", "def read_stores(", "def all_keys(", "from pipelines.shop.stores import read_stores"),
        moved(S + "prepare.py", S + "prices.py", "def fill_prices(", "def clean(", "from pipelines.shop.prices import fill_prices"),
        {**swap("shop", S + "split.py", ("from pipelines.shop import clock", "from pipelines.shop import durations"), ("clock.", "durations.")),
         **swap("shop", S + "features.py", ("pipelines.shop.clock", "pipelines.shop.durations")), S + "clock.py": None, S + "durations.py": SHOP[S + "clock.py"]},
    ),
    *rows(
        "equal expressions",
        ("shop/metrics.py", "    return {\"mae\": mae, \"rmse\": rmse}", "    return dict(mae=mae, rmse=rmse)"), ("shop/prepare.py", "    result = dict(tables)\n    result", "    result = dict(tables)\n    pass\n    result"),
        ("shop/checks.py", '        if tables[name].empty:\n            raise ValueError(f"the table {name} is empty")\n    return tables', '        if not tables[name].empty:\n            continue\n        raise ValueError(f"the table {name} is empty")\n    return tables'),
        ("shop/data.py", "24 * DAYS", "(24 * DAYS)"),
    ),
    *rows(
        "code that nothing reaches",
        ("shop/report.py", "def line(name, value):", "def line(name, value, width=10):"), ("shop/report.py", "/ len(values))", "/ (len(values) - 1))"), ("shop/tools/tidy.py", '"-"', '"_"'),
        ("shop/tools/tidy.py", "def slug(text):", "def slug(text, lower=False):"), ("loans/plots.py", "width=40", "width=60"), ("loans/plots.py", '"#"', '"*"'),
        ("shop/model.py", "round(value, 3)", "round(value, 4)"), ("shop/report.py", "    mean = sum(values) / len(values)\n", "    count = len(values)\n    mean = sum(values) / count\n"),
    ),
    *whole(
        "code that nothing reaches", "shop",
        {"tools/charts.py": "def draw(rows):\n    return [len(row) for row in rows]\n"}, {"tools/tidy.py": None}, more("shop", S + "report.py", "\n\ndef header(title):\n    return title.upper()\n"),
        more("shop", S + "model.py", "\n\ndef norm(model):\n    return float(np.linalg.norm(model[\"coefficients\"]))\n"), more("shop", S + "settings.py", "CHART_WIDTH = 60\n"),
        {"examples/__init__.py": "", "examples/first.py": "from pipelines.shop.report import table\n\n\ndef show(scores):\n    return table(scores)\n"},
    ),
    *whole("tests added", "shop", {"tests/test_clock.py": "from pipelines.shop import clock\n\n\ndef test_horizon():\n    assert clock.horizon().days == 1\n"},
           more("shop", "tests/test_shop.py", "\n\ndef test_folds():\n    assert settings.FOLDS_BACK\n")),
    *whole("documents", "shop", {"README.md": "# Shop\n\nUnits.\n"}, {"docs/how.md": "# How\n"}, more("shop", "CHANGELOG.md", "- more\n"), {"LICENSE": "MIT\n"}),
    *rows(
        "formatting",
        ("shop/split.py", "np.flatnonzero((hour >= start) & (hour < start + length))", "np.flatnonzero(\n            (hour >= start) & (hour < start + length)\n        )"), ("shop/online.py", '"units"', "'units'"), ("shop/contract.toml", "margin = 0.02", "margin    =    0.02"), ("shop/config/limits.json", ": ", ":"), ("loans/learner.py", "\n\n\n", "\n\n\n\n"),
        ("loans/features.py", '{"E": 0, "N": 1, "S": 2, "W": 3}', '{\n    "E": 0,\n    "N": 1,\n    "S": 2,\n    "W": 3,\n}'), ("loans/config/loans.toml", "steps = 30", "steps  = 30"),
    ),
    *whole("formatting", "shop", {S + "clock.py": SHOP[S + "clock.py"].replace("\n", "\r\n")}),
    *whole("a log line", "shop", swap("shop", S + "report.py", ("    rows = []", "    print(len(scores))\n    rows = []"))),
    *whole("renamed function", "shop", swap("shop", S + "split.py", ("starts(", "window_starts(")), swap("shop", S + "model.py", ("design(", "numbers(")), swap("shop", S + "metrics.py", ("absolute_errors", "misses")),
           {**swap("shop", S + "clock.py", ("def label_delay", "def settled_after")), **swap("shop", S + "split.py", ("label_delay", "settled_after"))}),
]  # fmt: skip
