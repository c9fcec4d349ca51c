from __future__ import annotations

from pathlib import Path

import pytest

from tests.changes.running import P, Running, listed, seen, stands, swapped
from tests.workspaces import SHOP_DATA, SHOP_FEATURES, SHOP_METRICS, SHOP_MODEL, SHOP_SPLIT

# A fold that has nothing to train on never comes up on the shop's data.
GUARDED = swapped(
    SHOP_SPLIT,
    ("        yield train", "        if len(train) < 10:\n            train = np.flatnonzero(hour < start)\n        yield train"),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Running:
    return Running(tmp_path_factory.mktemp("shop"))


def test_a_refactor_is_cleared_and_stays_in_the_list(shop: Running) -> None:
    found = shop.judged({P + "split.py": listed(SHOP_SPLIT)})
    assert stands(found) == set() and not seen(found)
    risk = next(risk for risk in found.risks if risk.kind.value == "split")
    assert risk.cleared and risk.by == "static" and "cleared" in risk.reason


def test_a_refactor_around_a_branch_that_never_ran_is_not(tmp_path: Path) -> None:
    running = Running(tmp_path, split=GUARDED)
    found = running.judged({P + "split.py": listed(GUARDED)})
    assert stands(found) == {"split"} and not seen(found)
    assert any("did not run" in line for line in running.said)


@pytest.mark.slow
def test_words_that_were_there_in_another_place_say_something_new(tmp_path: Path) -> None:
    """The rows that would show it are left out of today's frame: it only shows where sales are missing."""
    running = Running(tmp_path)
    edit = swapped(SHOP_FEATURES, ("min_periods=1", "min_periods=23"))
    found = running.judged({P + "features.py": edit})
    assert "feature" in stands(found)
    assert any("min_periods=23" in line for line in running.said)


EXTRACTED = swapped(
    SHOP_FEATURES,
    (
        '    units = frame.groupby("store")["units"]\n    frame["lag_48h"] = units.shift(48)\n'
        '    frame["mean_23h"] = units.transform(lambda s: s.shift(26).rolling(23, min_periods=1).mean())\n',
        "    add_history(frame)\n",
    ),
    (
        "def build",
        'def add_history(rows):\n    units = rows.groupby("store")["units"]\n    rows["lag_48h"] = units.shift(48)\n'
        '    rows["mean_23h"] = units.transform(lambda s: s.shift(26).rolling(23, min_periods=1).mean())\n\n\ndef build',
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("features.py", EXTRACTED),
        ("features.py", swapped(SHOP_FEATURES, ("shift(48)", "shift(LAG)"), ("as pd\n", "as pd\n\nLAG = 48\n"))),
        ("data.py", swapped(SHOP_DATA, ("keys", "pairs"))),
        ("metrics.py", swapped(SHOP_METRICS, ('    return {"mae": float(np.mean(np.abs(y_true - y_pred)))}',
                                              '    errors = np.abs(y_true - y_pred)\n    return {"mae": float(errors.mean())}'))),
        ("split.py", swapped(SHOP_SPLIT, ("    for back", "    made = []\n    for back"),
                             ("yield train, test", "made.append((train, test))\n    return made"))),
        ("split.py", swapped(SHOP_SPLIT, ("import numpy as np\nimport pandas as pd", "import pandas as pd\nimport numpy as np"))),
        ("model.py", swapped(SHOP_MODEL, ("coefficients, *_ =", "log.debug('%s rows', len(train))\n    coefficients, *_ ="),
                             ("as np\n", "as np\nimport logging\n\nlog = logging.getLogger(__name__)\n"))),
    ],
)  # fmt: skip
def test_refactors_are_cleared(shop: Running, path: str, text: str) -> None:
    found = shop.judged({P + path: text})
    assert stands(found) == set(), shop.said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("split.py", 'pd.Timedelta("24h") -', '(pd.Timedelta("24h") if hour.max().year < 2030 else pd.Timedelta("0h")) -'),
        ("split.py", "        train =", "        if hour.max().year > 2030:\n            last_known = start\n        train ="),
        ("split.py", "hour <= last_known", "hour <= last_known + pd.Timedelta('9h') * int(hour.max().year > 2030)"),
        ("split.py", "hour <= last_known", "(hour <= last_known) | (hour.dt.year > 2030)"),
        ("model.py", '@ model["coefficients"]', '@ model["coefficients"] + 0.0'),
        ("model.py", 'return design(frame)', 'return np.maximum(design(frame), -99)'),
        ("features.py", 'frame["hour"].dt.hour', 'frame["hour"].bfill().dt.hour'),
        ("features.py", "units.shift(48)", "units.shift(48, fill_value=None)"),
        ("features.py", "return frame[", "from time import time as at\n    frame = frame if at() else frame\n    return frame["),
        ("metrics.py", "np.abs(y_true - y_pred)", "abs(y_true - y_pred)[y_pred < 1e9]"),
    ],
)  # fmt: skip
def test_what_only_happens_to_be_equal_today_is_not_cleared(shop: Running, path: str, old: str, new: str) -> None:
    texts = {"split.py": SHOP_SPLIT, "model.py": SHOP_MODEL, "features.py": SHOP_FEATURES, "metrics.py": SHOP_METRICS}
    found = shop.judged({P + path: swapped(texts[path], (old, new))})
    assert stands(found), found.risks


@pytest.mark.slow
def test_a_refactor_beside_something_else_is_not_cleared(shop: Running) -> None:
    refactored = listed(SHOP_SPLIT)
    found = shop.judged({P + "split.py": refactored, "Makefile": "all:\n\ttrue\n"})
    assert stands(found) == {"split", "gate"}
    found = shop.judged({P + "split.py": refactored, P + "model.py": swapped(SHOP_MODEL, ("/ 24", "/ 12"))})
    assert {"split", "model"} <= stands(found)
