"""Plain changes of what lies around the stages: deployment … format, unknown; labelled by reading what they mean."""

# Tables of texts are easier to read unbroken.
# ruff: noqa: E501

from __future__ import annotations

import json

from tests.corpus.changes.bases import SHOP
from tests.corpus.changes.cases import Case, more, prefixed, swap
from tests.corpus.changes.labelled.stages import rows, whole

_S = "pipelines/shop/"


def _shown(text: str, **metadata: str) -> str:
    cells = json.loads(SHOP["notebooks/look.ipynb"])
    cells["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [text]}]
    cells["metadata"] |= metadata
    return json.dumps(cells, indent=1) + "\n"


def _script(*lines: str) -> str:
    cells = json.loads(SHOP["notebooks/look.ipynb"])
    cells["cells"][1]["source"] = [f"{line}\n" for line in lines]
    return json.dumps(cells, indent=1) + "\n"


_SECRETS = (
    "AWS = 'AKIA" + "QWERTYUIOPASDFGH'", "token = 'ghp_" + "b2" * 18 + "'", "-----BEGIN RSA " + "PRIVATE KEY-----",
    "api_key: 'a9F3kLm2Qx7Zt5'", "password = 'S3cure!pass'", "url = 'mysql://root:topsecret" + "@db/shop'",
    "SLACK = 'xoxb-" + "123456789012-abcdefGH'", "key = 'sk-ant-" + "a1B2c3D4e5F6g7H8i9J0'", "hf_" + "a1B2c3D4e5F6g7H8i9J0k1",
    "glpat-" + "a1B2c3D4e5F6g7H8i9J0", "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlMTIz",
    "AccountKey=" + "a1B2c3D4" * 6 + "==", "stripe = 'sk_live_" + "a1B2c3D4e5F6g7H8'", "npm_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "client_secret = \"q8Rt-5Lp_92xZ\"", "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----",
)  # fmt: skip

CASES: list[Case] = [
    *rows(
        "deployment",
        ("shop/deploy/canary.yaml", "weight: 1", "weight: 5"),
        ("shop/deploy/canary.yaml", "alias: champion", "alias: challenger"),
        ("shop/deploy/canary.yaml", "automatic: true", "automatic: false"),
        ("shop/Dockerfile", "python:3.11-slim", "python:3.12-slim"),
        ("shop/Dockerfile", "COPY . /app", "COPY . /srv"),
        ("shop/workbench.toml", "sqlite:///mlflow.db", "http://mlflow.shop.example"),
        ("loans/k8s/serving.yaml", "replicas: 2", "replicas: 4"),
        ("loans/charts/values.yaml", "canary: 1", "canary: 50"),
        ("loans/charts/values.yaml", "alias: champion", "alias: staging"),
    ),
    *whole(
        "deployment", "shop",
        {"docker-compose.yml": "services:\n  shop:\n    image: shop:1\n"}, {"terraform/main.tf": 'resource "x" "y" {}\n'},
        {"Procfile": "web: workbench serve shop\n"}, {"helm/shop/values.yaml": "replicas: 1\n"}, {"deploy/canary.yaml": None},
        {"deploy/rollout.py": "def weights():\n    return [1, 10, 100]\n"}, {"infra/shop.service": "[Service]\nExecStart=/bin/true\n"},
        {"dags/shop.yaml": "schedule: daily\n"},
    ),
    *rows(
        "dependency",
        ("shop/requirements.txt", "pandas==2.3.0", "pandas==2.3.1"),
        ("shop/requirements.txt", "numpy==2.1.0\n", ""),
        ("shop/requirements.txt", "numpy==2.1.0", "numpy==2.1.0\nlightgbm==4.6.0"),
        ("shop/pyproject.toml", '"pandas>=2"', '"pandas>=2.2"'),
        ("shop/pyproject.toml", '"numpy>=2"]', '"numpy>=2", "scipy"]'),
        ("shop/pyproject.toml", 'requires-python = ">=3.11"', 'requires-python = ">=3.12"'),
        ("shop/model.py", "import numpy as np", "import numpy as np\nfrom scipy import linalg", "np.linalg.solve(", "linalg.solve("),
        ("shop/features.py", "import pandas as pd", "import pandas as pd\nimport holidays", "frame = joined(tables)",
         'frame = joined(tables)\n    frame["day_off"] = frame["hour"].dt.date.isin(holidays.DE())'),
        ("loans/requirements.in", "pandas", "pandas<3"),
        ("loans/requirements.txt", "sha256:aa", "sha256:ab"),
        ("loans/uv.lock", '"2.1.0"', '"2.1.1"'),
        ("loans/pyproject.toml", "setuptools>=70", "setuptools>=75"),
        ("loans/pyproject.toml", "setuptools.build_meta", "hatchling.build"),
    ),
    *whole(
        "dependency", "shop",
        {"requirements-dev.txt": "pytest\n"}, {"environment.yml": "dependencies: [numpy]\n"}, {"constraints.txt": "numpy<3\n"},
        {"setup.py": "from setuptools import setup\n\nsetup()\n"}, {"poetry.lock": "[[package]]\n"}, {".python-version": "3.12\n"},
    ),
    *rows(
        "gate",
        ("shop/Makefile", "pytest -q", "pytest -q -x"),
        ("shop/Makefile", "\tworkbench audit shop\n", "\ttrue\n"),
        ("shop/.github/workflows/ci.yml", "      - run: make audit\n", ""),
        ("shop/.github/workflows/ci.yml", "on: [push]", "on: [workflow_dispatch]"),
        ("shop/pyproject.toml", "fail_under = 90", "fail_under = 80"),
        ("shop/pyproject.toml", "line-length = 100", "line-length = 200"),
        ("shop/workbench.toml", "test_touches = 20", "test_touches = 2000"),
        ("shop/tests/test_shop.py", "abs=1e-9", "abs=1e-2"),
        ("shop/tests/test_shop.py", "== 5", ">= 1"),
        ("shop/tests/test_shop.py", "def test_embargo():\n    assert settings.HORIZON_HOURS >= 24\n", ""),
        ("shop/.gitignore", "local/\n", "local/\ntests/\n"),
        ("shop/model.py", "return np.nan_to_num(x)", "return np.nan_to_num(x)  # type: ignore"),
        ("loans/.gitlab-ci.yml", "    - workbench audit loans\n", ""),
        ("loans/setup.cfg", "max-line-length = 100", "max-line-length = 300"),
        ("loans/tests/test_loans.py", '["brier"], 0.0', '["brier"], 0.0, 1'),
        ("loans/Makefile", "check: test", "check:"),
        ("loans/conftest.py", "[]", '["tests/test_loans.py"]'),
    ),
    *whole("gate", "shop", {".pre-commit-config.yaml": "repos: []\n"}, {"tests/test_shop.py": None}, {"mypy.ini": "[mypy]\nignore_errors = true\n"}),
    *rows(
        "policy",
        ("shop/review_policies/splits.toml", "approvals = 1", "approvals = 2"),
        ("shop/review_policies/splits.toml", '["split", "label", "contract"]', '["split", "label"]'),
        ("shop/review_policies/splits.toml", 'expires = "7d"', 'expires = "30d"'),
        ("shop/review_policies/splits.toml", '["domain"]', '["lead"]'),
        ("shop/review_policies/splits.toml", "When is the label known?", "OK?"),
        ("shop/review_policies/automatic.toml", '"postprocessing"]', '"postprocessing", "serving"]'),
        ("shop/review_policies/automatic.toml", 'require.gates = ["schema"]\n', ""),
        ("loans/review_policies/splits.toml", 'name = "domain"', 'name = "domain experts"'),
        ("loans/review_policies/automatic.toml", '"model", ', ""),
    ),
    *whole(
        "policy", "shop",
        {"review_policies/reviewers.toml": "# nobody\n"}, {"review_policies/extra.toml": '[[rule]]\nname = "x"\nwhen.paths = ["**"]\n'},
        {"review_policies/splits.toml": None}, {"review_policies/README.md": "Rules.\n"}, {"review_policies/lib.py": "x = 1\n"},
        {"review_policies/automatic.toml": ""}, {"review_policies/old/splits.toml": "x = 1\n"},
    ),
    *rows(
        "skill",
        ("shop/skills/refit/SKILL.md", "fits again", "fits twice"),
        ("shop/skills/refit/skill.py", '"rounds": 3', '"rounds": 5'),
        ("shop/skills/refit/skill.py", "def run(context, given)", "def run(context, given, more=None)"),
        ("shop/skills.lock", "sha256:00", "sha256:ff"),
        ("loans/skills/tune/SKILL.md", "tune", "tuner"),
        ("loans/skills/tune/skill.py", "return {}", "return {'done': True}"),
        ("loans/skills.lock", "tune = 1", "tune = 2"),
    ),
    *whole(
        "skill", "shop",
        {"skills/new/SKILL.md": "---\nname: new\n---\n"}, {"skills/new/skill.py": "def run(c, g):\n    return {}\n"}, {"skills/refit/skill.py": None},
        {"skills/refit/scripts/run.sh": "true\n"}, {"skills/refit/tests/test_refit.py": "def test_x():\n    assert 1\n"},
        {"skills/refit/reference.md": "words\n"}, {"skills.lock": None}, {"lib/skills/SKILL.md": "x\n"}, {"skills/refit/prompt.txt": "be brief\n"},
    ),
    *rows(
        "test",
        ("shop/tests/test_shop.py", "\n\nclass TestNames:", "\n\ndef test_lowest():\n    assert settings.LOWEST == 0\n\n\nclass TestNames:"),
        ("shop/tests/test_shop.py", "\n\nclass TestNames:", "\n\ndef test_seed():\n    assert isinstance(settings.SEED, int)\n\n\nclass TestNames:"),
        ("shop/tests/test_shop.py", "== 5\n", "== 5\n\n    def test_target(self):\n        assert settings.TARGET\n"),
        ("loans/tests/test_loans.py", "    def test_folds_exist", "    def test_worst(self):\n        self.assertEqual(score([1], [0.0], None)['brier'], 1.0)\n\n    def test_folds_exist"),
    ),
    *whole(
        "test", "shop",
        *({f"tests/test_new_{n}.py": f"from pipelines.shop import settings\n\n\ndef test_{n}():\n    assert settings.{name}\n"}
          for n, name in enumerate(("DAYS", "FOLD_DAYS", "FEATURES", "RIDGE", "TARGET"))),
        {"tests/fixtures/more.json": "{}\n"}, {"tests/deep/test_more.py": "import pytest\n\n\n@pytest.mark.parametrize('x', [1])\ndef test_x(x):\n    assert x\n"},
        {"tests/test_class.py": "class TestIt:\n    def test_a(self):\n        assert True\n"},
        {"pipelines/shop/test_inline.py": "def test_x():\n    assert 1\n"}, {"tests/snapshots/one.txt": "x\n"},
        {"tests/test_tidy.py": "from tools.tidy import slug\n\n\ndef test_slug():\n    assert slug('a b') == 'a-b'\n"},
    ),
    *whole("test", "loans", {"tests/test_plots.py": "from lib.plots import bars\n\n\ndef test_bars():\n    assert bars([1])\n"}),
    *(Case("secret", f"{number:02d}", "shop", more("shop", path, f"# {line}\n"), ("secret",)) for number, (line, path) in enumerate(
        zip(_SECRETS, ["README.md", _S + "settings.py", "docs/guide.md", "Makefile"] * 4, strict=True))),
    *rows(
        "docs",
        ("shop/README.md", "Units sold", "Units that were sold"), ("shop/docs/guide.md", "make test", "make audit"), ("shop/CHANGELOG.md", "- first", "- first\n- second"),
        ("shop/split.py", "a training label is known", "every training label is known"), ("shop/model.py", "with a little ridge", "with ridge"),
        ("shop/split.py", "def last_known(start):", "def last_known(start):\n    # the newest label that may be used"),
        ("shop/metrics.py", "def absolute_errors(y_true, y_pred):", 'def absolute_errors(y_true, y_pred):\n    """One error a row."""'),
        ("shop/settings.py", "SEED = 7", "# drawn once\nSEED = 7"), ("shop/pyproject.toml", 'description = "units"', 'description = "units sold"'),
        ("loans/README.md", "# Loans", "# Loans of clients"), ("loans/docs/method.rst", "======", "=======\n"),
        ("loans/folds.py", "stay on one side", "are all on one side"), ("loans/config/loans.toml", "seed = 11", "# fixed\nseed = 11"),
        ("loans/learner.py", "def sigmoid(values: np.ndarray) -> np.ndarray", "def sigmoid(values: object) -> object"),
    ),
    *whole("docs", "shop", {"docs/new.md": "# New\n"}, {"LICENSE": "free\n"}, {"notebooks/look.ipynb": _shown("1")}, {"docs/picture.png": b"\x89PNG\r\n\x1a\n0"}),
    *(Case("format", f"{number:02d} {path}", "shop", swap("shop", path, *pairs), ("format",)) for number, (path, *pairs) in enumerate([
        (_S + "split.py", ("    gap = ", "\n    gap = ")), (_S + "model.py", ("x.shape[1]", "x.shape[ 1 ]")), (_S + "settings.py", (" = ", "  =  ")),
        (_S + "features.py", ("\n\n\n", "\n\n\n\n")), (_S + "metrics.py", ('"mae"', "'mae'")), (_S + "finish.py", ("\n", "\r\n")), (_S + "data.py", ("24 * DAYS", "24*DAYS")),
        (_S + "clock.py", ("hours=HORIZON_HOURS", "\n        hours=HORIZON_HOURS\n    ")), (_S + "prepare.py", ("    ", "        ")),
        (_S + "contract.toml", (" = ", "=")), ("config/limits.json", (", ", ",\n  ")), (_S + "checks.py", ("with open(paths.LIMITS) as file", "with (open(paths.LIMITS)) as file")),
        (_S + "online.py", ("(prices[\"hour\"] == hour)", "((prices[\"hour\"] == hour))")), ("tools/tidy.py", ("result = []", "result = [ ]")),
        (_S + "report.py", ("rows = []", "rows = [\n    ]")),
    ])),
    *whole(
        "unknown", "shop",
        {_S + "split.py": "def broken(:\n"}, {"lib/fast.so": b"\x7fELF\0"}, {"data/model.pkl": b"\x80\x04."}, {"run.sh": "true\n"}, {".env": "A=1\n"},
        {"sitecustomize.py": "x = 1\n"}, {"notebooks/look.ipynb": _script("x = 2")}, {"notebooks/new.ipynb": _script("import os", "os.getcwd()")}, {"settings.yaml": "a: 1\n"},
        {"pandas.py": "x = 1\n"}, {"blob": b"\0\1"}, {"app.py": "if __name__ == '__main__':\n    print(1)\n"},
        {"tools/tidy.py": "#!/usr/bin/env python\nprint(1)\n"},
        swap("shop", _S + "model.py", ("np.nan_to_num(x)", "eval('np.nan_to_num')(x)")),
        swap("shop", _S + "clock.py", ("hours=LABEL_HOURS", "hours=LABEL_HOURS * (pd.Timestamp.now().year > 0)")),
        prefixed("shop", _S + "data.py", "import numpy as np\n\nnp.random.seed(1)\n"),
        swap("shop", _S + "data.py", ("rng.normal(0, 1, len(keys))", "np.random.normal(0, 1, len(keys))")),
        swap("shop", _S + "settings.py", ("SEED = 7", "SEED = 11")),
    ),
]  # fmt: skip
