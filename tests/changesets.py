"""A small workspace in a real git repository, for tests of changes, policy and review: never run, only read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workbench.changes import Author, Change, Classification, classify
from workbench.repo import Identity, Repo

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AGENT = Author(name="playbook", email="playbook@agent.invalid", agent=True)
OWNER = Identity("olga", "olga@shop.example")

CONTRACT = """\
name = "sales"
kind = "regression"
[stages]
load = "pipelines.sales.tables:load"
preprocess = "pipelines.sales.prepare:clean"
features = "pipelines.sales.features:build"
split = "pipelines.sales.split:folds"
fit = "pipelines.sales.model:fit"
predict = "pipelines.sales.model:predict"
metrics = "pipelines.sales.metrics:score"
postprocess = "pipelines.sales.finish:clip"
[sources.orders]
time = "ordered_at"
known_after = "1h"
[prediction]
entity = ["store"]
target = "revenue"
target_time = "day"
horizon = "24h"
label_known_after = "2h"
[metrics]
primary = "mae"
direction = "minimize"
baseline = "mean"
margin = 0.02
"""

FILES: dict[str, str] = {
    "workbench.toml": "",
    "README.md": "# sales\n",
    "pipelines/sales/contract.toml": CONTRACT,
    "pipelines/__init__.py": "",
    "pipelines/sales/__init__.py": "",
    "pipelines/sales/tables.py": (
        "import pandas as pd\n\nfrom pipelines.sales import paths\n\n\ndef load():\n"
        "    return {'orders': pd.read_csv(paths.ORDERS)}\n"
    ),
    "pipelines/sales/paths.py": "ORDERS = 'data/orders.csv'\nHOLIDAYS = 'config/holidays.json'\nFOLDS = 'folds.csv'\n",
    "pipelines/sales/prepare.py": "def clean(tables):\n    return {name: table.copy() for name, table in tables.items()}\n",
    "pipelines/sales/calendar_days.py": (
        "def week(day):\n    return day.isocalendar()[1]\n\n\ndef month(day):\n    return day.month\n"
    ),
    "pipelines/sales/features.py": (
        "import pandas as pd\n\nfrom .calendar_days import week as week_of\n\nTARGET = 'revenue'\n\n\n"
        "def build(tables):\n    frame = tables['orders'].copy()\n    frame['week'] = frame['day'].map(week_of)\n"
        "    frame[TARGET] = frame['price'] * frame['count']\n    return frame\n"
    ),
    "pipelines/sales/split.py": (
        "from pipelines.sales import calendar_days\nfrom pipelines.sales.paths import FOLDS\n\nGAP = 3\n\n\n"
        "def _edges(frame):\n    return [calendar_days.month(day) for day in frame['day']]\n\n\n"
        "def folds(frame):\n    for edge in _edges(frame):\n        yield list(range(edge)), [edge + GAP]\n"
    ),
    "pipelines/sales/model.py": (
        "import lightgbm as lgb\n\nROUNDS = 50\n\n\ndef fit(train):\n    return lgb.train({}, train, ROUNDS)\n\n\n"
        "def predict(model, frame):\n    return model.predict(frame)\n\n\ndef describe(model):\n    return str(model)\n"
    ),
    "pipelines/sales/metrics.py": "def score(y_true, y_pred, frame):\n    return {'mae': abs(y_true - y_pred).mean()}\n",
    "pipelines/sales/finish.py": "def clip(predictions, frame):\n    return predictions.clip(0)\n",
    "config/holidays.json": '{"days": ["2026-01-01"]}\n',
    "data/orders.csv": "store,day\na,2026-01-01\n",
    "tools/report.py": "def summary(rows):\n    return len(rows)\n",
    "tests/test_sales.py": (
        "from pipelines.sales import metrics\n\n\ndef test_score():\n    assert metrics.score(1, 1, None)\n\n\n"
        "def test_other():\n    assert True\n"
    ),
    "tests/expected.json": "{}\n",
    "Makefile": "test:\n\tpytest\n",
    "pyproject.toml": '[project]\nname = "sales"\ndependencies = ["pandas>=2"]\n\n[tool.ruff]\nline-length = 100\n',
    "requirements.txt": "pandas==2.3.0\n",
    "notes.ipynb":
        '{"cells": [{"cell_type": "code", "source": ["x = 1\\n"], "outputs": [], "metadata": {}}], "metadata": {}}\n',
    "skills/build/SKILL.md": "---\nname: build\n---\n",
    "skills/build/skill.py": "def run(context, given):\n    return {}\n",
    "skills.lock": "build = 1\n",
    "review_policies/splits.toml": (
        '[[rule]]\nname = "domain"\nwhen.kinds = ["split", "label", "contract"]\n'
        'require.approvals = 1\nrequire.roles = ["domain"]\n'
        'require.gates = ["leakage"]\nask = ["When is the label known?"]\nexpires = "7d"\n'
    ),
    "review_policies/automatic.toml": (
        '[[rule]]\nname = "repairs"\nwhen.kinds = ["data", "preprocessing", "model", "postprocessing"]\nrequire.approvals = 0\n'
        'require.gates = ["schema"]\n'
    ),
}  # fmt: skip


def git(root: Path, *arguments: str) -> str:
    """Ordinary git, as a person would run it, without anybody's configuration."""
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(root)}
    names = {
        f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in (("NAME", "o"), ("EMAIL", "o@x.example"))
    }
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], env={**os.environ, **quiet, **names}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def workspace(root: Path, files: Mapping[str, str] | None = None, *, reviewers: str = "") -> Repo:
    """A committed workspace (branch `main`, checked out, with an index as git leaves it)."""
    given = {**FILES, **(files or {}), "review_policies/reviewers.toml": reviewers}
    for path, text in given.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    Repo.ensure(root)
    repo = Repo.open(root)
    commit(repo, repo.snapshot(), "start")
    git(root, "reset", "-q")
    return repo


def commit(repo: Repo, tree: str, title: str, *, author: Identity = OWNER, ref: str = "refs/heads/main") -> str:
    """Commits a tree on top of `ref`."""
    tip = repo.refs(ref).get(ref)
    return repo.commit(tree, [tip] if tip else [], title, author=author, ref=ref, expect=tip, at=NOW)


def edited(repo: Repo, edits: Mapping[str, str | bytes | None], *, author: Author = AGENT, title: str = "a change") -> Change:
    """HEAD's tree with some files replaced (None removes), as a change."""
    base = repo.tree_of("HEAD")
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in edits.items()}
    return Change(base=base, result=repo.write_tree(base, contents), author=author, title=title)


def kinds(repo: Repo, edits: Mapping[str, str | bytes | None]) -> set[str]:
    """The kinds of risk of an edit of HEAD."""
    return {kind.value for kind in judged(repo, edits).kinds}


def judged(repo: Repo, edits: Mapping[str, str | bytes | None]) -> Classification:
    """The classification of an edit of HEAD."""
    return classify(repo, edited(repo, edits))


def replaced(path: str, old: str, new: str) -> dict[str, str]:
    """An edit of one of the workspace's files by replacing a part of it, which must be there."""
    assert old in FILES[path], f"{old!r} is not in {path}"
    return {path: FILES[path].replace(old, new)}


def new_key(place: Path) -> str:
    """Writes an unencrypted Ed25519 key, as ssh-keygen would, and returns the public line."""
    private = Ed25519PrivateKey.generate()
    form = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(private.private_bytes(*form))
    place.chmod(0o600)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return public.decode()


def reviewer(name: str, key: str, *roles: str) -> str:
    """A `[[reviewer]]` entry."""
    held = ", ".join(f'"{role}"' for role in roles)
    return f'[[reviewer]]\nname = "{name}"\nidentity = "{name}@shop.example"\nroles = [{held}]\nkey = "{key}"\n'
