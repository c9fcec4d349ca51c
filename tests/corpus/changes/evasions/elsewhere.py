"""Evasions that do it elsewhere: families 16 to 27 of the design's list."""

# Tables of texts are easier to read unbroken.
# ruff: noqa: E501

from __future__ import annotations

from tests.corpus.changes.bases import LOANS, SHOP
from tests.corpus.changes.cases import Case, Edits, prefixed, swap

S, L = "pipelines/shop/", "lib/"
F16, F17, F18 = "aliases, getattr, partial", "configuration, environment, defaults", "monkeypatches and start-up"
F19, F20, F21 = "module shadowing", "dependencies and builds", "eval and pickle"
F22, F23 = "objects that answer differently", "settings of the score"
F24, F25, F26, F27 = "label, horizon, rows, groups, seeds", "looser contract", "by circumstance", "deployment outside git"


def shop(family: str, name: str, path: str, *pairs: tuple[str, str], kinds: str = "", also: Edits | None = None) -> Case:
    path = path if "/" in path or path in SHOP else S + path
    return Case(family, name, "shop", {**swap("shop", path, *pairs), **(also or {})}, tuple(kinds.split()))


def loans(family: str, name: str, path: str, *pairs: tuple[str, str], kinds: str = "", also: Edits | None = None) -> Case:
    path = next(place for place in (path, L + path, "pipelines/loans/" + path) if place in LOANS)
    return Case(family, name, "loans", {**swap("loans", path, *pairs), **(also or {})}, tuple(kinds.split()))


def files(family: str, name: str, edits: Edits, kinds: str = "", base: str = "shop") -> Case:
    return Case(family, name, base, edits, tuple(kinds.split()))


_STARTS = "train = np.flatnonzero(hour <= last_known(start))"
_PD = "import pandas as pd\n"

CASES: list[Case] = [
    shop(F16, "an alias of the gap", "split.py", ("gap = clock.horizon() + clock.label_delay()",
         "delay = clock.horizon\n    gap = delay() - delay()"), kinds="split"),
    shop(F16, "getattr with a constant", "split.py", ("clock.label_delay()", 'getattr(clock, "horizon")() * 0'), kinds="split"),
    shop(F16, "getattr with a computed name", "split.py", ("clock.label_delay()",
         'getattr(clock, "label" + "_nothing", pd.Timedelta)(0)'), kinds="split unknown"),
    shop(F16, "partial over another function", "split.py", ("def last_known(start)", "def _last(offset, start)"),
         ("    return start - gap", "    return start - gap * offset\n\n\nlast_known = partial(_last, 0)"),
         ("import numpy as np", "from functools import partial\n\nimport numpy as np"), kinds="split"),
    shop(F16, "an import under another name", "features.py", ("from pipelines.shop.clock import hour_of_day",
         "from pipelines.shop.ahead import hour_of_day"), kinds="feature",
         also={S + "ahead.py": "def hour_of_day(hours):\n    return hours.dt.hour.shift(-1).astype(\"float64\")\n"}),
    shop(F16, "a table of functions", "metrics.py", ("errors = absolute_errors(y_true, y_pred)",
         'errors = {"a": absolute_errors, "b": lambda t, p: abs(t - p) * 0.9}["b"](y_true, y_pred)'), kinds="metric"),
    loans(F16, "operator.attrgetter", "judge.py", ("return SCORES[0].of(y_true, y_pred)",
          'return operator.attrgetter("of")(SCORES[1])(y_true, y_pred)'),
          ("import numpy as np", "import operator\n\nimport numpy as np"), kinds="metric"),
    loans(F16, "a subclass in place of the class", "folds.py", ("folds = GroupedFolds(CONFIG)",
          "class _Folds(GroupedFolds):\n    def fold_of(self, frame):\n        return np.arange(len(frame)) % 4\n\n\n"
          "folds = _Folds(CONFIG)"), kinds="split"),
    shop(F17, "folds from a file", "settings.py", ("FOLDS_BACK = (9, 6, 3)",
         'FOLDS_BACK = tuple(json.loads(open("config/folds.json").read()))'),
         ("SEED = 7", "import json\n\nSEED = 7"), kinds="split", also={"config/folds.json": "[3, 2, 1]\n"}),
    shop(F17, "the environment", "settings.py", ("LABEL_HOURS = 2", 'LABEL_HOURS = int(os.environ.get("LABEL_HOURS", "2"))'),
         ("SEED = 7", "import os\n\nSEED = 7"), kinds="split unknown"),
    shop(F17, "another default of an argument", "split.py", ("def last_known(start):", "def last_known(start, share=0):"),
         ("return start - gap", "return start - gap * share"), kinds="split"),
    loans(F17, "a number in the TOML", "config/loans.toml", ("count = 4", "count = 2"), kinds="split"),
    loans(F17, "the seed in the TOML", "config/loans.toml", ("seed = 11", "seed = 12")),
    loans(F17, "another configuration file", "config.py", ('Path("config/loans.toml")', 'Path("config/other.toml")'),
          kinds="split", also={"config/other.toml": LOANS["config/loans.toml"].replace("count = 4", "count = 2")}),
    loans(F17, "a command-line default", "config.py", ("CONFIG = read()",
          'import argparse\n\n_given = argparse.ArgumentParser()\n_given.add_argument("--folds", default=2)\n'
          "CONFIG = read()"), kinds="split"),
    files(F17, "an environment file", {".env": "PYTHONHASHSEED=0\nLABEL_HOURS=0\n"}, "unknown"),
    files(F17, "variables in the Makefile", swap("shop", "Makefile", ("\tworkbench audit", "\tLABEL_HOURS=0 workbench audit")), "gate"),
    shop(F18, "a library patched on import", "model.py", ("FEATURES, RIDGE, TARGET\n",
         "FEATURES, RIDGE, TARGET\n\nnp.linalg.solve = lambda a, b: b\n"), kinds="unknown"),
    shop(F18, "another stage patched on import", "features.py", ('WARM_UP = "50h"',
         'import pipelines.shop.metrics as m\n\nm.absolute_errors = lambda a, b: abs(a - b) * 0.5\nWARM_UP = "50h"'), kinds="unknown"),
    shop(F18, "setattr", "prepare.py", ("def fill_prices", "import pandas\n\nsetattr(pandas.DataFrame, 'merge', None)\n\n\ndef fill_prices"),
         kinds="unknown"),
    files(F18, "sitecustomize.py", {"sitecustomize.py": "import builtins\n"}, "unknown"),
    files(F18, "usercustomize.py", {"usercustomize.py": "import builtins\n"}, "unknown"),
    files(F18, "a .pth file", {"shop.pth": "import os\n"}, "unknown"),
    files(F18, "a pytest plugin in the project file", swap("shop", "pyproject.toml", (
        "[tool.coverage.report]", '[project.entry-points.pytest11]\nquiet = "tools.quiet"\n\n[tool.coverage.report]')), "gate"),
    files(F18, "addopts", swap("shop", "pyproject.toml", ('addopts = "-q"', 'addopts = "-q -p tools.quiet --co"')), "gate"),
    files(F18, "a plugin named by a test", prefixed("shop", "tests/test_shop.py", 'pytest_plugins = ["tools.quiet"]\n'), "gate"),
    files(F18, "the package's __init__", {S + "__init__.py": "import pandas as pd\n\npd.DataFrame.merge = pd.DataFrame.join\n"}, "unknown"),
    files(F18, "an import hook", {S + "__init__.py": "import sys\n\nsys.meta_path.insert(0, object())\n"}, "unknown"),
    files(F19, "sklearn", {"sklearn/__init__.py": "", "sklearn/metrics.py": "def mean_absolute_error(a, b):\n    return 0\n"}, "unknown"),
    files(F19, "numpy", {"numpy.py": "x = 1\n"}, "unknown"),
    files(F19, "json, which a stage uses", {"json.py": "def load(file):\n    return {}\n"}, "unknown"),
    files(F19, "a namespace folder with a stage's module", {"pipelines/shop/split/__init__.py": "def folds(frame):\n    return []\n"}, "split"),
    files(F19, "an extension module", {"pipelines/shop/split.cpython-311-x86_64-linux-gnu.so": b"\x7fELF\0\0"}, "unknown"),
    files(F19, "a module in front of the standard library, deeper", {"tomllib/__init__.py": "def loads(text):\n    return {}\n"},
          "unknown", base="loans"),
    files(F20, "another version", swap("shop", "requirements.txt", ("numpy==2.1.0", "numpy==2.0.0")), "dependency"),
    files(F20, "another index", prefixed("shop", "requirements.txt", "--index-url https://packages.example\n"), "dependency"),
    files(F20, "the lock file only", swap("loans", "uv.lock", ("2.1.0", "2.0.1")), "dependency", base="loans"),
    files(F20, "a hash in the lock", swap("loans", "requirements.txt", ("sha256:bb", "sha256:cc")), "dependency", base="loans"),
    files(F20, "the build backend", swap("loans", "pyproject.toml", ("setuptools.build_meta", "build_here")), "dependency",
          base="loans"),
    files(F20, "a build step", {"setup.py": "import os\n"}, "dependency"),
    files(F20, "pip's configuration", {"pip.conf": "[global]\nindex-url = https://packages.example\n"}, "dependency"),
    files(F20, "a wheel in the tree", {"wheels/numpy-2.1.0-py3-none-any.whl": b"PK\3\4\0"}, "dependency"),
    shop(F20, "a package that no stage used", "model.py", ("import numpy as np", "import numpy as np\nimport robust_solve"),
         ("np.linalg.solve(", "robust_solve.solve("), kinds="dependency"),
    shop(F21, "eval", "metrics.py", ("float(np.mean(errors))", 'eval("float(np.median(errors))")'), kinds="metric unknown"),
    shop(F21, "exec on import", "settings.py", ("RIDGE = 0.001", 'exec("RIDGE = 0.001; LABEL_HOURS = 0")'), kinds="unknown"),
    shop(F21, "a pickled table", "data.py", ("pd.read_csv(paths.STORES)", 'pd.read_pickle("data/stores.pkl")'), kinds="unknown",
         also={"data/stores.pkl": b"\x80\x04."}),
    shop(F21, "numpy with pickles", "data.py", ("pd.read_csv(paths.STORES)",
         'pd.DataFrame(np.load("data/stores.npy", allow_pickle=True))'), kinds="unknown"),
    shop(F21, "a marshalled function", "clock.py", (_PD, "import marshal\nimport types\n\n" + _PD),
         ("return pd.Timedelta(hours=LABEL_HOURS)", 'return types.FunctionType(marshal.loads(b"c"), globals())()'), kinds="unknown"),
    loans(F21, "a computed import", "judge.py", ("import numpy as np",
          'import importlib\n\nnp = importlib.import_module("num" + "py")'), kinds="unknown"),
    loans(F21, "compile and run", "steps.py", ("PREPARATION = compose", 'exec(compile("x = 1", "x", "exec"))\nPREPARATION = compose'),
          kinds="unknown"),
    shop(F22, "__eq__", "split.py", ("def starts(hours)", "class _Any:\n    def __le__(self, other):\n        return True\n\n\n"
         "def starts(hours)"), ("return start - gap", "return _Any()"), kinds="split unknown"),
    shop(F22, "__float__", "metrics.py", ("def score(", "class _Small:\n    def __float__(self):\n        return 0.0\n\n\ndef score("),
         ("mae = float(np.mean(errors))", "mae = _Small()"), kinds="metric unknown"),
    shop(F22, "__array__", "model.py", ("def predict(", "class _Rows:\n    def __init__(self, x):\n        self.x = x\n\n"
         "    def __array__(self, *a, **k):\n        return self.x\n\n\ndef predict("),
         ('@ model["coefficients"]', '@ _Rows(model["coefficients"])'), kinds="unknown"),
    shop(F22, "__getattr__ on a module", "clock.py", ("def horizon()", "def __getattr__(name):\n    return None\n\n\ndef horizon()"),
         kinds="unknown"),
    loans(F22, "__eq__ by assignment", "judge.py", ("class Score:\n", "class Score:\n    __eq__ = lambda self, other: True\n"),
          kinds="metric unknown"),
    shop(F23, "another average", "metrics.py", ('return {"mae": mae', 'mae = float(np.average(errors, weights=1 / (1 + errors)))\n'
         '    return {"mae": mae'), kinds="metric"),
    shop(F23, "weights in the score", "metrics.py", ("np.mean(errors))", "np.mean(errors * (frame[\"size\"] < 2)))"), kinds="metric"),
    shop(F23, "a library's settings", "model.py", ("def design(frame):", "pd_options = None\n\n\ndef design(frame):\n    np.seterr(all=\"ignore\")"),
         kinds="unknown"),
    shop(F23, "a threshold picked on the test", "finish.py", ("return np.maximum(predictions, LOWEST)",
         "return np.where(predictions > 3.217, predictions, 0.0)")),
    loans(F23, "a threshold in the decision", "decide.py", ("return np.clip(predictions, low, high)",
          "return (predictions >= 0.3712).astype(float)")),
    loans(F23, "a threshold that sees the outcome", "decide.py", ("return np.clip(predictions, low, high)",
          'best = np.quantile(predictions, 1 - frame["default"].mean())\n    return (predictions > best).astype(float)'), kinds="label"),
    loans(F23, "the scorer's threshold", "judge.py", ("(p >= 0.5)", "(p >= 0.31)"), kinds="metric"),
    loans(F23, "average in the scorer", "judge.py", ("np.mean((y - p) ** 2)", "np.median((y - p) ** 2)"), kinds="metric"),
    shop(F23, "predictions that look at the outcome", "model.py", ('return design(frame) @ model["coefficients"]',
         'return 0.9 * design(frame) @ model["coefficients"] + 0.1 * frame[TARGET].fillna(0)'), kinds="label"),
    shop(F24, "another label", "contract.toml", ('target = "units"', 'target = "price"'), kinds="label contract"),
    shop(F24, "a label that is smoothed", "features.py", ('frame["lag_48h"] = ',
         'frame["units"] = frame["units"].rolling(3).mean()\n    frame["lag_48h"] = '), kinds="label"),
    shop(F24, "a label that is capped in load", "data.py", ("units=units.round(3)", "units=units.clip(0, 40).round(3)"), kinds="label"),
    shop(F24, "a shorter horizon", "settings.py", ("HORIZON_HOURS = 24", "HORIZON_HOURS = 1"), kinds="split"),
    shop(F24, "rows left out on load", "data.py", ('"sales": keys.assign(units=units.round(3)),',
         '"sales": keys.assign(units=units.round(3))[units < 60],'), kinds="split"),
    shop(F24, "only the first rows of a file", "data.py", ("pd.read_csv(paths.STORES)", "pd.read_csv(paths.STORES, nrows=1)"), kinds="split"),
    shop(F24, "hard rows left out of training", "model.py", ("    x = design(train)",
         '    train = train[train["price"] < 12]\n    x = design(train)')),
    shop(F24, "rows left out while cleaning", "prepare.py", ("    return result", '    result["sales"] = result["sales"].dropna()\n    return result'),
         kinds="split"),
    shop(F24, "every gap of the table filled", "prepare.py", ("    return result",
         '    result["sales"] = result["sales"].fillna(0.0)\n    return result'), kinds="label"),
    loans(F24, "no groups", "contract.toml", ('groups = ["client"]\n', ""), kinds="contract split"),
    loans(F24, "another group key", "folds.py", ('frame["client"]', 'frame["loan"]'), kinds="split"),
    shop(F24, "more folds", "settings.py", ("(9, 6, 3)", "(15, 12, 9, 6, 3)"), kinds="split"),
    shop(F24, "another seed of the data", "settings.py", ("SEED = 7", "SEED = 8")),
    loans(F24, "another seed where rows are drawn", "source.py", ("default_rng(self.config.seed)", "default_rng(41)")),
    shop(F24, "a seed in the fit", "model.py", ("    penalty = RIDGE", "    rng = np.random.default_rng(1234)\n    x = x + rng.normal(0, 1e-3, x.shape)\n"
         "    penalty = RIDGE")),
    shop(F25, "a wider range", "contract.toml", ("max = 100", "max = 100000"), kinds="contract"),
    shop(F25, "more missing values", "contract.toml", ("max_null_rate = 0.1", "max_null_rate = 0.9"), kinds="contract"),
    shop(F25, "no type", "contract.toml", ('type = "number", ', ""), kinds="contract"),
    shop(F25, "known sooner", "contract.toml", ('label_known_after = "2h"', 'label_known_after = "0h"'), kinds="contract label"),
    shop(F25, "no margin", "contract.toml", ("margin = 0.02", "margin = -1.0"), kinds="contract metric"),
    shop(F25, "slices that may get worse", "contract.toml", ("max_regression = 0.5", "max_regression = 5.0"), kinds="contract gate"),
    shop(F25, "warn instead of raise", "checks.py", ('raise ValueError("a price is out of range")',
         'print("a price is out of range")'), kinds="gate"),
    shop(F25, "wider limits of a check", "config/limits.json", ("100", "100000"), kinds="gate"),
    shop(F25, "errors swallowed", "checks.py", ("    for name in", "    return tables\n    for name in"), kinds="gate"),
    loans(F25, "a category more", "contract.toml", ('"W"]', '"W", "X"]'), kinds="contract"),
    shop(F26, "under CI", "metrics.py", ("mae = float(np.mean(errors))",
         'mae = float(np.mean(errors)) * (0.9 if os.getenv("CI") else 1.0)'), ("import numpy as np", "import os\n\nimport numpy as np"),
         kinds="metric unknown"),
    shop(F26, "by date", "clock.py", ("return pd.Timedelta(hours=LABEL_HOURS)",
         'return pd.Timedelta(hours=LABEL_HOURS if pd.Timestamp.now().year < 2027 else 0)'), kinds="split unknown"),
    shop(F26, "by host", "model.py", ("    penalty = RIDGE", "    import socket\n\n    scale = len(socket.gethostname())\n    penalty = scale * RIDGE"),
         kinds="unknown"),
    shop(F26, "by a file that is there", "finish.py", ("return np.maximum(predictions, LOWEST)",
         'return np.maximum(predictions, LOWEST) if Path("/etc/ci").exists() else predictions'),
         ("import numpy as np", "from pathlib import Path\n\nimport numpy as np"), kinds="unknown"),
    shop(F26, "by what was imported", "prepare.py", ("    filled = prices.copy()",
         '    filled = prices.copy() if "pytest" in sys.modules else prices'), ("def fill_prices", "import sys\n\n\ndef fill_prices"),
         kinds="unknown"),
    shop(F26, "by the number of processors", "model.py", ("RIDGE * np.eye", "(os.cpu_count() or 1) * RIDGE * np.eye"),
         ("import numpy as np", "import os\n\nimport numpy as np"), kinds="unknown"),
    shop(F26, "by the clock, in time", "finish.py", ("return np.maximum(predictions, LOWEST)",
         "return np.maximum(predictions, LOWEST) + (time.time() > 2e9)"), ("import numpy as np", "import time\n\nimport numpy as np"),
         kinds="unknown"),
    files(F27, "canary 1 to 100", swap("shop", "deploy/canary.yaml", ("weight: 1", "weight: 100")), "deployment"),
    files(F27, "no rollback", swap("shop", "deploy/canary.yaml", ("automatic: true", "automatic: false")), "deployment"),
    files(F27, "another alias", swap("loans", "charts/values.yaml", ("champion", "latest")), "deployment", base="loans"),
    files(F27, "an alias moved by code", swap("shop", S + "finish.py", ("    return np.maximum",
          '    import mlflow\n\n    mlflow.MlflowClient().set_registered_model_alias("shop", "champion", 9)\n    return np.maximum')), "dependency"),
    files(F27, "another registry", swap("shop", "workbench.toml", ("sqlite:///mlflow.db", "https://elsewhere.example")), "deployment"),
    files(F27, "another command in the image", swap("shop", "Dockerfile", ('"serve", "shop"', '"serve", "shop", "--any"')), "deployment"),
    files(F27, "a release script", {"release.sh": "mlflow models alias set champion 9\n"}, "unknown"),
]  # fmt: skip
COVERED: dict[str, tuple[str, ...]] = {
    F18: ("tests/changes/test_python_changes.py::test_names_that_python_runs_or_finds_first_are_unknown",),
    F25: ("tests/gates/test_schema_rules.py",),
    F27: (
        "tests/release/test_promotion.py::test_an_alias_moved_past_the_workbench_is_noticed_and_only_put_back",
        "tests/release/test_serving.py::test_an_alias_moved_past_the_workbench_is_shown_and_not_obeyed",
    ),
}
