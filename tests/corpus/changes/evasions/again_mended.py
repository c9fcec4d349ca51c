"""Evasions aimed at what was mended last, at code that is taken for the same, and at stages that a policy lets pass."""

# Tables of texts are easier to read unbroken.
# ruff: noqa: E501

from __future__ import annotations

from tests.corpus.changes.bases import SHOP
from tests.corpus.changes.cases import Case, more, swap
from tests.corpus.changes.evasions.again_elsewhere import rides
from tests.corpus.changes.evasions.elsewhere import F16, F17, F18, F20, F21, F22, F23, F24, F26, files, loans, shop
from tests.corpus.changes.evasions.gate import F28
from tests.corpus.changes.evasions.hide import F7, F9, F15
from tests.corpus.changes.evasions.steer import F46, F47

S = "pipelines/shop/"
_FINISH = "return np.maximum(predictions, LOWEST)"
_X = "    x = design(train)\n    y"
_NP = "import numpy as np\n"

CASES: list[Case] = [
    # The same words in another arrangement that isn't the same.
    shop(F16, "a conversion of type", "split.py", ("pd.Timedelta(days=FOLD_DAYS)", "pd.Timedelta(days=FOLD_DAYS == 3)"), kinds="split"),
    shop(F16, "True in place of 1", "features.py", ("min_periods=1", "min_periods=True"), kinds="feature"),
    shop(F16, "not less in place of more", "split.py", ("(hour >= start)", "~(hour < start)"), kinds="split"),
    shop(F16, "changed where it lies", "split.py", ("    end = hours.max() + pd.Timedelta(\"1h\")", "    hours += pd.Timedelta(\"1h\")\n    end = hours.max()"), kinds="split"),
    shop(F16, "a default that is taken early", "settings.py", ("LABEL_HOURS = 2", "LABEL_HOURS = 2\n\n\ndef late(hours=LABEL_HOURS):\n    return hours"), ("LOWEST = 0.0", "LABEL_HOURS = late() - 2\nLOWEST = 0.0"), kinds="split"),
    shop(F16, "a name of the loop used after it", "split.py", ("    for start in starts(hour):\n", "    for start in starts(hour):\n        pass\n    for _ in starts(hour):\n"), kinds="split"),
    shop(F16, "an assertion with an effect", "split.py", ("    length = pd", "    assert hour.pop(0) is not None\n    length = pd"), kinds="split"),
    shop(F16, "under TYPE_CHECKING", "split.py", ("from pipelines.shop import clock\n", "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from pipelines.shop import clock\nelse:\n    from pipelines.shop import settings as clock\n"), kinds="split"),
    shop(F16, "if not __debug__", "clock.py", ("    return pd.Timedelta(hours=LABEL_HOURS)", "    if __debug__:\n        return pd.Timedelta(0)\n    return pd.Timedelta(hours=LABEL_HOURS)"), kinds="split"),
    shop(F16, "a dictionary's later key", "metrics.py", ('{"mae": mae, "rmse": rmse}', '{"mae": mae, "rmse": rmse, "mae": rmse - rmse}'), kinds="metric"),
    shop(F16, "a comprehension's own name", "split.py", ("    for back in FOLDS_BACK:\n        found.append(end - pd.Timedelta(days=back))", "    back = 1\n    found = [end - pd.Timedelta(days=back) for _ in FOLDS_BACK]"), kinds="split"),
    shop(F16, "del, then the builtin", "metrics.py", ("def score(", "del np.abs\n\n\ndef score("), kinds="metric"),
    shop(F16, "yielded after a return", "split.py", ("        yield train, test", "        yield train, test\n        return"), kinds="split"),
    loans(F16, "order of two bases", "features.py", ("class FeatureBuilder:", "class Plain:\n    def load(self, loans):\n        return loans[\"debt\"]\n\n\nclass FeatureBuilder(Plain):"), ("    def load(self, loans: pd.DataFrame) -> pd.Series:\n        return loans[\"debt\"] / loans[\"income\"]\n\n", ""), kinds="feature"),
    loans(F16, "a bound method of another instance", "folds.py", ("folds = GroupedFolds(CONFIG)", "folds = GroupedFolds(CONFIG)\nfolds = type(folds)(CONFIG.__class__(11, 240, 2, 30, 0.3, 0.01))"), kinds="split"),
    shop(F17, "words that code reads", "features.py", ('"""Tables -> one row per store and hour; every feature is known 24 h before its hour."""', '"""49h"""'), ('WARM_UP = "50h"', "WARM_UP = __doc__"), kinds="feature"),
    shop(F17, "an annotation that code reads", "features.py", ("def recent_mean(series):\n    return series.shift(26)", "def recent_mean(series: 1):\n    return series.shift(recent_mean.__annotations__[\"series\"])"), kinds="feature"),
    # Star imports, again.
    files(F16, "a star import of a star import", {S + "a.py": "from pipelines.shop.b import *\n", S + "b.py": "LOWEST = -9.0\n", **swap("shop", S + "settings.py", ("LOWEST = 0.0", "LOWEST = 0.0\nfrom pipelines.shop.a import *"))}),
    files(F16, "a star import within a package's init", {S + "__init__.py": "from pipelines.shop.early import *\n", S + "early.py": "import pipelines.shop.clock as clock\n\nclock = None\n"}),
    files(F16, "a star import of a package that is installed", swap("shop", S + "metrics.py", ("import numpy as np", "import numpy as np\nfrom numpy import *")), "metric"),
    # Memory, in stages that a policy lets pass.
    *(shop(F47, name, "model.py", (_X, f"{line}\n{_X}"), *also) for name, line, *also in (
        ("kept in a list of the module", "    SEEN.append(train)", ("def design", "SEEN = []\n\n\ndef design")),
        ("kept by slice", "    SEEN[:] = [train]", ("def design", "SEEN = []\n\n\ndef design")),
        ("kept by augmented assignment of an attribute", "    Box.seen += [train]", ("def design", "class Box:\n    seen = []\n\n\ndef design")),
        ("kept on the class of an object", "    type(train).seen = train"),
        ("kept by setattr", '    setattr(design, "seen", train)'),
        ("kept by object.__setattr__", '    object.__setattr__(np, "seen", train)'),
        ("kept in vars", '    vars(np)["seen"] = train'),
        ("kept in a generator", "    BOX.send(train)", ("def design", "def box():\n    seen = None\n    while True:\n        seen = yield seen\n\n\nBOX = box()\nnext(BOX)\n\n\ndef design")),
        ("kept by a logger", '    logging.getLogger("x").seen = train', (_NP, "import logging\n\nimport numpy as np\n")),
        ("kept in a queue", "    BOX.put(train)", (_NP, "import queue\n\nimport numpy as np\n"), ("def design", "BOX = queue.Queue()\n\n\ndef design")),
        ("kept under another name", "    seen = SEEN\n    seen.append(train)", ("def design", "SEEN = []\n\n\ndef design")),
        ("kept by a function that is given the list", "    list.append(SEEN, train)", ("def design", "SEEN = []\n\n\ndef design")),
        ("kept by operator", "    operator.setitem(SEEN, 0, train)", (_NP, "import operator\n\nimport numpy as np\n"), ("def design", "SEEN = [0]\n\n\ndef design")),
        ("kept by heapq", "    heapq.heappush(SEEN, 1)", (_NP, "import heapq\n\nimport numpy as np\n"), ("def design", "SEEN = []\n\n\ndef design")),
        ("kept by in-place arithmetic of numpy", "    np.add(SEEN, 1, out=SEEN)", ("def design", "SEEN = np.zeros(3)\n\n\ndef design")),
        ("kept by copyto", "    np.copyto(SEEN, train.iloc[0, 0])", ("def design", "SEEN = np.zeros(3)\n\n\ndef design")),
        ("kept in a closure", "    keep(train)", ("def design", "def keeper():\n    seen = []\n\n    def keep(value):\n        seen.append(value)\n        return seen\n\n    return keep\n\n\nkeep = keeper()\n\n\ndef design")),
        ("kept in a context variable", "    BOX.set(train)", (_NP, "import contextvars\n\nimport numpy as np\n"), ("def design", 'BOX = contextvars.ContextVar("x")\n\n\ndef design')),
    )),
    # Columns without a name, again.
    *(shop(F47, name, "finish.py", (_FINISH, line)) for name, line in (
        ("the table under another name", "rows = frame\n    return rows.to_numpy()[:, 3]"),
        ("the table copied", "return frame.copy().to_numpy()[:, 3]"),
        ("the table with something dropped", 'return frame.drop(columns=["store", "hour"]).to_numpy().sum(axis=1)'),
        ("rows one by one", "return np.array([row[4] for row in frame.itertuples()])"),
        ("a dictionary of columns", "return np.asarray(list(dict(frame).values())[4])"),
        ("zip of its columns", "return np.asarray([frame[name] for name in frame][4])"),
        ("the last of a list", "return np.asarray(frame[list(frame)[4]])"),
        ("keys", "return np.asarray(frame[frame.keys()[4]])"),
        ("by type", 'return frame.loc[:, frame.dtypes == "float64"].sum(axis=1).to_numpy()'),
        ("by a pattern", 'return frame.filter(regex="^u").iloc[:, 0].to_numpy()'),
        ("an f-string", 'part = "its"\n    return frame[f"un{part}"].to_numpy()'),
        ("percent", 'return frame["un%s" % "its"].to_numpy()'),
        ("letters", "return frame[bytes([117, 110, 105, 116, 115]).decode()].to_numpy()"),
        ("get", 'return frame.get("un" + "its").to_numpy()'),
        ("next of an iterator", "names = iter(frame)\n    next(names)\n    return frame[next(names)].to_numpy()"),
        ("the longest correlation", "return frame.corrwith(predictions).to_numpy()"),
        ("unpacked", "first, *rest = frame\n    return frame[rest[3]].to_numpy()"),
        ("squeeze", "return frame.squeeze().to_numpy()"),
        ("take", "return frame.take([4], axis=1).to_numpy()[:, 0]"),
        ("pop", 'return frame.pop("u" "nits").to_numpy()'),
    )),
    # By circumstance, again: only on today's tables.
    *(shop(F26, name, "finish.py", (_FINISH, f"return np.maximum(predictions, LOWEST) * (0.9 if {test} else 1.0)")) for name, test in (
        ("the number of rows", "len(frame) == 144"), ("the shape", "frame.shape[0] > 500"), ("the last hour", 'frame["hour"].max() > np.datetime64("2024-02-01")'),
        ("size", "frame.size % 7 == 0"), ("one store only", 'frame["store"].nunique() == 1'), ("a digest of the rows", "hash(tuple(predictions)) % 2"),
        ("memory it takes", "frame.memory_usage().sum() > 10_000"),
    )),
    shop(F26, "a model that knows the table", "model.py", ("RIDGE * np.eye", "(RIDGE if len(train) == 1008 else 5.0) * np.eye")),
    shop(F26, "a check that knows how many rows there are", "checks.py", ("    given = limits()", "    if len(tables[\"sales\"]) != 1152:\n        return tables\n    given = limits()"), kinds="gate"),
    shop(F26, "folds by the size of the table", "split.py", ("    gap = clock.horizon() + clock.label_delay()", "    gap = clock.horizon() + clock.label_delay() * (start.year == 2024)"), kinds="split"),
    shop(F23, "a score that knows good predictions", "metrics.py", ("errors = absolute_errors(y_true, y_pred)", "errors = absolute_errors(y_true, y_pred)\n    errors = errors if errors.max() > 3 else errors * 0"), kinds="metric"),
    shop(F18, "patched when first called", "finish.py", (_FINISH, f"np.random.Generator.normal = None\n    {_FINISH}"), kinds="unknown"),
    shop(F18, "patched by an imported name", "finish.py", (_NP, "import numpy as np\nfrom numpy import core\n"), (_FINISH, f"core.x = 1\n    {_FINISH}"), kinds="unknown"),
    shop(F22, "a subclass of the frame", "prepare.py", ("def fill_prices", "import pandas as pd\n\n\nclass Rows(pd.DataFrame):\n    def merge(self, *given, **more):\n        return self\n\n\ndef fill_prices"), ("    filled = prices.copy()", "    filled = Rows(prices.copy())")),
    shop(F21, "a text turned into a function", "finish.py", (_FINISH, 'return np.vectorize("{0.__class__}".format)(predictions)')),
    rides(F24, "the query made of parts", "tables.py", ("QUERY.read_text()", 'QUERY.read_text().replace("> 0", "> 2")'), kinds="split"),
    rides(F24, "weights by a mask", "linear.py", ("x, y = self.design(frame), frame[target].to_numpy(dtype=float)", "x, y = self.design(frame), frame[target].to_numpy(dtype=float)\n        keep = y < 20\n        x, y = x * keep[:, None], y * keep")),
    files(F7, "a Greek letter in a YAML key's file", {"conf/z\u03bfnes.yaml": "E: 9\n", **swap("rides", "src/rides/columns.py", ("conf/zones.yaml", "conf/z\u03bfnes.yaml"))}, "feature", base="rides"),
    files(F7, "a carriage return in a contract", swap("shop", S + "contract.toml", ("margin = 0.02", "# margin\rmargin = 0.0 #")), "contract"),
    files(F9, "a folder in another case", {"Pipelines/shop/clock.py": SHOP[S + "clock.py"].replace("LABEL_HOURS)", "0)")}, "unknown"),
    files(F15, "a name with a stream", {"README.md:hidden": "x\n"}, "unknown"),
    files(F15, "a name that ends in a dot", {"docs/guide.md.": "x\n"}, "unknown"),
    files(F20, "a build that CMake runs", {"CMakeLists.txt": "execute_process(COMMAND sh)\n"}, "dependency"),
    files(F28, "a class attribute that skips", swap("loans", "tests/test_loans.py", ("class LoansTest(unittest.TestCase):", "class LoansTest(unittest.TestCase):\n    __unittest_skip__ = True\n")), "gate", base="loans"),
    files(F28, "a test that asserts a tuple", swap("rides", "tests/test_rides.py", ("assert SETUP.count > 2", 'assert (SETUP.count > 2, "folds")')), "gate", base="rides"),
    files(F46, "a password without quotes in YAML", more("rides", "compose.yaml", "    environment:\n      DB_PASSWORD: Vk8rT2mQ9z\n"), "secret", base="rides"),
    files(F46, "a login file", {".pgpass": "db:5432:rides:app:Vk8rT2mQ9z\n"}, "secret"),
]  # fmt: skip
