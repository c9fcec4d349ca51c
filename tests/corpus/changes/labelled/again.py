"""More plain changes, most of them in other layouts: labelled by reading what they mean."""

# Tables of texts are easier to read unbroken.
# ruff: noqa: E501

from __future__ import annotations

from tests.corpus.changes.bases import BASES, RIDES, SHOP
from tests.corpus.changes.cases import Case, Edits, more, prefixed, swap

_PREFIXES = {"shop": ("pipelines/shop/", ""), "loans": ("lib/", "pipelines/loans/", ""), "rides": ("src/rides/", "")}
_R = "src/rides/"


def _one(kinds: str, place: str, *texts: str, also: Edits | None = None) -> Case:
    base, _, path = place.partition("/")
    path = next(prefix + path for prefix in _PREFIXES[base] if prefix + path in BASES[base])
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    return Case(
        kinds.split()[0], f"{place}: {texts[1][:60]!r}", base, {**swap(base, path, *pairs), **(also or {})}, tuple(kinds.split())
    )


def _files(kinds: str, base: str, *given: Edits) -> list[Case]:
    return [
        Case(kinds.split()[0], f"{base}, files {number}: {', '.join(edits)}", base, edits, tuple(kinds.split()))
        for number, edits in enumerate(given, 1)
    ]


CASES: list[Case] = [
    _one("split", "rides/cases.py", "% SETUP.count\n", "% (SETUP.count + 1)\n"),
    _one("split", "rides/cases.py", 'key = "rider"', 'key = "ride"'),
    _one("split", "rides/setup.py", 'given.getint("folds", "count")', 'given.getint("folds", "count") + 1'),
    _one("split", "rides/settings.ini", "count = 3", "count = 5"),
    _one("split", "rides/cases.py", "import numpy as np\n", "import numpy as np\nfrom sklearn.model_selection import GroupKFold\n",
         "        fold = frame[cls.key].to_numpy() % SETUP.count\n        for number in range(SETUP.count):\n            yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)",
         "        yield from GroupKFold(SETUP.count).split(frame, groups=frame[cls.key])"),
    _one("split", "loans/folds.py", "yield np.flatnonzero(~inside), np.flatnonzero(inside)", "yield np.flatnonzero(~inside)[::2], np.flatnonzero(inside)"),
    _one("split", "shop/split.py", "end = hours.max() + pd.Timedelta(\"1h\")", "end = hours.max().floor(\"D\")"),
    *_files("split contract", "rides", swap("rides", "pipelines/late/contract.toml", ("cases:Late.split", "folding:halves"))
            | {_R + "folding.py": "import numpy as np\n\n\ndef halves(frame):\n    half = len(frame) // 2\n    yield np.arange(half), np.arange(half, len(frame))\n"}),
    _one("feature", "rides/columns.py", "np.log1p(rides[\"distance\"])", "np.sqrt(rides[\"distance\"])"),
    _one("feature", "rides/columns.py", ".map(ZONES).astype(float)", ".map(ZONES).fillna(-1).astype(float)"),
    _one("feature", "rides/cases.py", '("log_distance", "rush")', '("log_distance", "rush", "zone_code")'),
    _one("feature", "rides/setup.py", "(7, 8, 17, 18)", "(6, 7, 8)"),
    _one("feature", "rides/conf/zones.yaml", "W: 3", "W: 4"),
    _one("feature", "loans/features.py", 'loans["debt"] / loans["income"]', 'loans["debt"] / (1 + loans["income"])'),
    _one("feature", "loans/features.py", '"S": 2', '"S": 9'),
    _one("feature", "shop/features.py", "series.shift(26)", "series.shift(50)"),
    *_files("feature contract", "rides", swap("rides", "pipelines/fare/contract.toml", ('"log_distance", "rush"', '"log_distance", "rush", "night"'))
            | swap("rides", _R + "cases.py", ('("log_distance", "rush")', '("log_distance", "rush", "night")'))
            | more("rides", _R + "columns.py", '\n\n@column("night")\ndef night(rides):\n    return (rides["hour"] < 6).astype(float)\n')),
    _one("label", "rides/tables.py", "(rng.random(rows) < 0.2 +", "(rng.random(rows) < 0.3 +"),
    _one("label", "rides/cases.py", 'target = "late"', 'target = "fare"'),
    _one("label", "rides/sql/rides.sql", "late, fare", "late, round(fare) as fare"),
    _one("label", "rides/pipelines/late/contract.toml", 'target = "late"', 'target = "fare"'),
    _one("label", "rides/cases.py", 'rides.assign(zone=rides["zone"].str.upper())', 'rides.assign(zone=rides["zone"].str.upper(), fare=rides["fare"].clip(0, 40))'),
    _one("label", "shop/features.py", "    return frame[frame[\"hour\"] >= first]", "    frame[TARGET] = frame[TARGET].clip(upper=60)\n    return frame[frame[\"hour\"] >= first]"),
    _one("metric", "rides/cases.py", "np.mean((y - p) ** 2)", "np.mean(np.abs(y - p))"),
    _one("metric", "rides/cases.py", "np.mean(np.abs(y - p))", "np.median(np.abs(y - p))"),
    _one("metric", "rides/scores.py", "** 2))", "** 4))"),
    _one("metric", "rides/pipelines/fare/contract.toml", 'primary = "mae"', 'primary = "rmse"'),
    _one("metric", "rides/pipelines/late/contract.toml", 'baseline = "prior"', 'baseline = "mean"'),
    _one("metric", "loans/judge.py", 'Score("accuracy"', 'Score("hits"'),
    _one("metric", "shop/metrics.py", "def score(y_true, y_pred, frame):\n", "def score(y_true, y_pred, frame):\n    y_true, y_pred = y_true[24:], y_pred[24:]\n"),
    _one("contract", "rides/pipelines/late/contract.toml", "max = 100", "max = 200"),
    _one("contract", "rides/pipelines/late/contract.toml", 'groups = ["rider"]\n', ""),
    _one("contract", "rides/pipelines/fare/contract.toml", 'entity = ["ride"]', 'entity = ["rider"]'),
    _one("contract", "rides/pipelines/fare/contract.toml", "margin = 0.0", "margin = 0.1"),
    _one("contract", "shop/contract.toml", 'price = { known = "always",', 'price = { known_after = "1h",'),
    *_files("contract", "rides", {"pipelines/tips/contract.toml": RIDES["pipelines/fare/contract.toml"].replace('"fare"', '"tips"')}, {"pipelines/fare/contract.toml": None}),
    *_files("data", "shop", swap("shop", "data/stores.csv", ("B,2.0", "B,2.5")), more("shop", "data/stores.csv", "C,1.5\n"),
            {"data/stores.parquet": b"PAR1\0\1PAR1"}, {"data/2025/prices.jsonl": '{"price": 1}\n'}, {"data/history.csv": None}, {"data/stores.csv.dvc": "outs:\n- md5: 11\n  path: stores.csv\n"}),
    _one("data", "rides/tables.py", "rng.gamma(2.0, 3.0, rows)", "rng.gamma(2.5, 3.0, rows)"),
    _one("data", "rides/sql/rides.sql", "distance > 0", "distance > 1"),
    _one("data", "rides/settings.ini", "rows = 300", "rows = 600"),
    _one("model", "rides/linear.py", "ridge = 0.01", "ridge = 1.0"),
    _one("model", "rides/linear.py", "np.linalg.solve(x.T @ x + self.ridge * np.eye(x.shape[1]), x.T @ y)", "np.linalg.lstsq(x, y)[0]"),
    _one("model", "rides/linear.py", "np.ones(len(x))", "np.ones(len(x)), x[:, 0] ** 2"),
    _one("model", "rides/cases.py", "learner = Bounded", "learner = Linear"),
    _one("model", "loans/config/loans.toml", "rate = 0.3", "rate = 0.1"),
    _one("model", "loans/learner.py", "x.std(axis=0) + 1e-9", "x.std(axis=0) + 1e-3"),
    *_files("model", "shop", {"pipelines/shop/solver.py": "import numpy as np\n\n\ndef solve(a, b):\n    return np.linalg.pinv(a) @ b\n"}
            | swap("shop", "pipelines/shop/model.py", ("np.linalg.solve(", "solver.solve("), ("from pipelines.shop.settings", "from pipelines.shop import solver\nfrom pipelines.shop.settings"))),
    _one("preprocessing", "rides/cases.py", 'rides["zone"].str.upper()', 'rides["zone"].str.strip().str.upper()'),
    _one("preprocessing", "rides/cases.py", 'return {"rides": rides.assign(zone=', 'return {"rides": rides.assign(distance=rides["distance"].clip(upper=50), zone='),
    _one("preprocessing", "loans/steps.py", "highest=1e6", "highest=5e5"),
    _one("preprocessing", "loans/steps.py", 'partial(upper, column="region"), ', ""),
    _one("preprocessing", "shop/prepare.py", "fillna(10.0)", "ffill()"),
    _one("postprocessing", "rides/cases.py", "np.maximum(predictions, 0.0)", "np.maximum(predictions, 3.0)"),
    _one("postprocessing", "rides/cases.py", "        return predictions\n", "        return np.round(predictions, 2)\n"),
    _one("postprocessing", "loans/config/loans.toml", "floor = 0.01", "floor = 0.02"),
    _one("postprocessing", "loans/decide.py", "1 - CONFIG.floor", "1 - 2 * CONFIG.floor"),
    _one("postprocessing", "shop/finish.py", "np.maximum(predictions, LOWEST)", "np.maximum(predictions * 1.02, LOWEST)"),
    _one("serving", "shop/online.py", ".iloc[-1]),\n        \"mean_23h\"", ".iloc[-2]),\n        \"mean_23h\""),
    _one("serving", "shop/online.py", "whole.shift(48)", "whole.shift(47)"),
    _one("serving", "shop/online.py", 'float(hour.hour)', 'float(hour.hour + 1)'),
    _one("serving", "shop/online.py", ".tz_localize(None)", ".tz_convert(None)"),
    _one("serving", "shop/features.py", "shift(26)", "shift(27)"),
    _one("deployment", "rides/compose.yaml", "rides:3", "rides:4"),
    _one("deployment", "rides/compose.yaml", "serve late", "serve fare"),
    *_files("deployment", "rides", {"Dockerfile.serve": "FROM python:3.12\n"}, {"k8s/late.yaml": "kind: Deployment\n"}, {"deploy/alias.json": '{"late": "champion"}\n'}, {"terraform/prod.tfvars": "weight = 5\n"}, {"Chart.yaml": "version: 2\n"}),
    _one("dependency", "rides/requirements/base.txt", "pandas==2.3.0", "pandas==2.2.3"),
    *_files("dependency", "rides", {"pylock.toml": 'lock-version = "1.0"\n'}, {"requirements/dev.in": "pytest\n"}, {"environment.yaml": "dependencies: [numpy]\n"}, {"hatch_build.py": "x = 1\n"}, {"pixi.toml": "[dependencies]\n"}),
    _one("dependency", "rides/linear.py", "import numpy as np", "import numpy as np\nimport glmnet", "np.linalg.solve(", "glmnet.solve("),
    _one("gate", "rides/Makefile", "all: lint test", "all: test"),
    _one("gate", "rides/tox.ini", "pytest {posargs}", "pytest -x {posargs}"),
    _one("gate", "rides/.pre-commit-config.yaml", "workbench audit late", "workbench audit fare"),
    _one("gate", "rides/tests/test_rides.py", 'assert case.key == "rider"', "assert case.key"),
    _one("gate", "rides/cases.py", "(rides[\"distance\"] > 100)", "(rides[\"distance\"] > 150)"),
    _one("gate", "rides/workbench.toml", "test_touches = 20", "test_touches = 40"),
    _one("gate", "loans/.gitlab-ci.yml", "make check", "make check -k"),
    *_files("gate", "rides", {"tests/conftest.py": "import pytest\n"}, {".github/CODEOWNERS": "* @all\n"}, {"codecov.yml": "coverage: {}\n"}, {"ruff.toml": "line-length = 200\n"}),
    *_files("policy", "rides", {"review_policies/rides.toml": '[[rule]]\nname = "r"\nwhen.use_cases = ["late"]\n'}, {"review_policies/reviewers.toml": "# ana\n"},
            swap("rides", "review_policies/automatic.toml", ('"model", ', "")), {"review_policies/notes.txt": "x\n"}, {"review_policies/automatic.toml": None}),
    *_files("skill", "rides", swap("rides", "skills/refit/skill.py", ("{}", "{1: 2}")), {"skills/refit/SKILL.md": None}, {"skills/retrain/SKILL.md": "---\nname: retrain\n---\n"},
            swap("rides", "skills.lock", ("1", "2")), {".cursor/rules/x.mdc": "be brief\n"}),
    *_files("test", "rides", {"tests/test_columns.py": "from src.rides.columns import rush\n\n\ndef test_rush():\n    assert rush is not None\n"}, more("rides", "tests/test_rides.py", "\n\ndef test_names():\n    assert Fare.names\n"),
            {"tests/data/rides.csv": "ride\n1\n"}, {"src/kit/test_words.py": "from src.kit.words import plural\n\n\ndef test_plural():\n    assert plural('a') == 'as'\n"},
            {"tests/unit/__init__.py": "", "tests/unit/test_a.py": "def test_a():\n    assert 1\n"}),
    *_files("secret", "rides", more("rides", "settings.ini", "\n[db]\npassword = Xk29!vbnQe\n"), more("rides", "sql/rides.sql", "-- postgres://app:s3cretPa55" + "@db.example/rides\n"),
            more("rides", "compose.yaml", "    environment:\n      API_TOKEN: 9f8e7d6c5b4a39281706f5e4d3c2b1a0\n"), {"conf/key.pem": "-----BEGIN EC " + "PRIVATE KEY-----\nMHc\n"},
            more("rides", "src/kit/words.py", "\nGITHUB = 'github_" + "pat_11ABCDEFG0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789'\n"), {".netrc": "machine x.example login a password hunter2hunter2\n"}),
    *_files("docs", "rides", more("rides", "README.md", "\nWords.\n"), {"docs/how.rst": "How\n===\n"}, swap("rides", _R + "scores.py", ("that the contracts name", "named by the contracts")),
            swap("rides", _R + "linear.py", ("class Linear:\n", 'class Linear:\n    """Least squares with a penalty."""\n\n')), swap("rides", _R + "tables.py", ("def generated():", "def generated():\n    # drawn anew each time")),
            {"CONTRIBUTING.md": "Write tests.\n"}),
    *_files("format", "rides", swap("rides", _R + "columns.py", ("\n\n\n", "\n\n\n\n")), swap("rides", _R + "linear.py", ("low, high = 0.01, 0.99", "low, high = (0.01, 0.99)")), swap("rides", _R + "cases.py", ('"rider"', "'rider'")),
            swap("rides", _R + "tables.py", ("    rows = SETUP.rows\n", "    rows = (\n        SETUP.rows\n    )\n")), swap("rides", "pipelines/late/contract.toml", ("[sources.rides]\n", "\n[sources.rides]\n"))),
    *_files("unknown", "rides", {_R + "cases.py": RIDES[_R + "cases.py"] + "class (:\n"}, {"models/late.joblib": b"\x80\x04."}, {"models/late.onnx": b"\x08\x07"}, {"scripts/go.sh": "make\n"}, {"sitecustomize.py": ""},
            swap("rides", "settings.ini", ("seed = 5", "seed = 6")), prefixed("rides", _R + "linear.py", "import os\n\nos.umask(0)\n"), {"notes/look.ipynb": SHOP["notebooks/look.ipynb"]}, {"core": b"\0\1\2"}),
]  # fmt: skip
