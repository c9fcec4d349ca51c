"""How the tests of the catalogue try an entry: the code fails on the installed library, is repaired, and runs."""

from __future__ import annotations

import traceback
import warnings
from pathlib import Path

import pytest

from skills.upgrade.skill import Output, repair

PATH = "pipelines/trial/model.py"
PRELUDE = """\
import numpy as np
import pandas as pd

X = np.random.default_rng(0).random((60, 3))
y = X[:, 0]
yc = (y > 0.5).astype(int)
df = pd.DataFrame(X, columns=list("abc"))
s = df["a"]
t = pd.Series(1.0, pd.date_range("2020", periods=30))
"""


def failure_of(root: Path, text: str) -> str:
    """Runs `text` as the module PATH of the tree at `root`; its traceback, or nothing."""
    file = root / PATH
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(text, str(file), "exec"), {"__name__": "trial"})
    except (TypeError, ValueError, AttributeError, KeyError, ImportError, NameError, AssertionError):
        return traceback.format_exc()
    return ""


def check_cure(root: Path, before: str, after: str) -> None:
    """`before` fails, becomes exactly `after`, and then runs; a second repair of the same failure changes nothing."""
    detail = failure_of(root, PRELUDE + before)
    if not detail:
        pytest.skip("the installed version still has it")
    output = repair(root, "", detail)
    assert output.ok, f"{output.reason}\n{detail}"
    text = output.edits[PATH]
    assert text is not None and _without_prelude(text) == after
    assert not failure_of(root, text)
    assert not repair(root, "", detail).ok


def check_no_cure(root: Path, before: str) -> None:
    """`before` fails, and the skill says that it has no cure rather than to change something."""
    detail = failure_of(root, PRELUDE + before)
    if not detail:
        pytest.skip("the installed version still has it")
    output: Output = repair(root, "", detail)
    assert not output.ok and output.reason and not output.edits


def _without_prelude(text: str) -> str:
    body = PRELUDE.partition("\n\n")[2]
    head, _, rest = text.partition(body)
    return head.replace("import numpy as np\nimport pandas as pd\n\n", "") + rest
