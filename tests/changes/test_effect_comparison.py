"""The comparisons themselves, without running anything: frames, folds, scores; and what changed code says."""

from __future__ import annotations

import ast

import numpy as np
import pandas as pd
import pytest

from workbench.changes.code import parse_module
from workbench.changes.fingerprints import (
    Keys,
    differing_answers,
    differing_finish,
    differing_folds,
    differing_frames,
    differing_scores,
    differing_tables,
)
from workbench.changes.model import RiskKind
from workbench.changes.vocabulary import ChangedPart, lost_words, new_words, unsure
from workbench.pipeline.coverage import NAME, Record, arms
from workbench.pipeline.results import Fold

KEYS = Keys(("store", "day"), "units", "day")


def frame(**columns: object) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=6, freq="D")
    made = {"store": ["A"] * 6, "day": days, "units": np.arange(6.0), "lag": [np.nan, 0.0, 1.0, 2.0, 3.0, 4.0]}
    return pd.DataFrame({**made, **columns})


def kinds(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, RiskKind]:
    return {one.what: one.kind for one in differing_frames(before, after, KEYS)}


def test_a_frame_is_compared_by_key_and_not_by_place() -> None:
    assert kinds(frame(), frame()) == {}
    assert kinds(frame(), frame(lag=frame()["lag"] * (1 + 1e-15))) == {}
    assert kinds(frame(), frame(units=np.arange(6.0) + 1)) == {"column units": RiskKind.LABEL}
    assert kinds(frame(), frame(lag=np.arange(6.0))) == {"column lag": RiskKind.FEATURE}
    assert kinds(frame(), frame(lag=frame()["lag"].astype("float32"))) == {"type of lag": RiskKind.FEATURE}
    assert kinds(frame(), frame(more=1)) == {"columns new": RiskKind.FEATURE}
    assert kinds(frame(), frame().iloc[1:].reset_index(drop=True)) == {"rows": RiskKind.FEATURE}
    assert kinds(frame(), frame().iloc[::-1].reset_index(drop=True)) == {"row order": RiskKind.FEATURE}
    assert RiskKind.LABEL in kinds(frame(), frame().drop(columns="units")).values()


def test_a_constant_column_has_no_room_for_small_differences() -> None:
    assert kinds(frame(lag=0.0), frame(lag=1e-13 * np.arange(6.0))) == {"column lag": RiskKind.FEATURE}
    assert kinds(frame(lag=2**60), frame(lag=2**60 + 1)) == {"column lag": RiskKind.FEATURE}


def test_tables_are_compared_whole() -> None:
    table = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})

    def reasons(after: pd.DataFrame) -> str:
        return " ".join(one.reason for one in differing_tables({"t": table}, {"t": after}, RiskKind.DATA, "load"))

    assert reasons(table.copy()) == ""
    assert "another order" in reasons(table.iloc[::-1])
    assert "2 rows instead of 3" in reasons(table.head(2))
    assert "`b` has other values in 1 of 3 rows" in reasons(table.assign(b=["x", "y", "z"]))
    assert "is new" in differing_tables({}, {"t": table}, RiskKind.DATA, "load")[0].reason


def test_folds_say_who_moved_and_in_which_direction() -> None:
    rows = frame()
    base = [Fold(np.array([0, 1]), np.array([4, 5]))]
    later = [Fold(np.array([0, 1, 4]), np.array([4, 5]))]
    assert differing_folds(rows, base, base, rows["day"], []) == []
    said = " ".join(one.reason for one in differing_folds(rows, base, later, rows["day"], ["store"]))
    assert "1 rows come in" in said and "is later" in said and "both trained on and tested" in said and "not earlier" in said
    assert "2 folds instead of 1" in differing_folds(rows, base, base * 2, None, [])[0].reason


def test_predictions_scores_and_answers() -> None:
    made = np.array([1.0, np.nan, 3.0])
    assert differing_finish([made], [made * (1 + 1e-14)]) == []
    assert len(differing_finish([made], [np.array([1.0, 2.0, 3.0])])) == 1
    assert len(differing_finish([np.array(["a", "b"], dtype=object)], [np.array(["a", "c"], dtype=object)])) == 1
    assert differing_scores([{"mae": float("nan")}], [{"mae": float("nan")}]) == []
    assert len(differing_scores([{"mae": 1.0}], [{"mae": 1.0, "more": 2.0}])) == 1
    assert differing_answers([{"a": 1.0}, "it fails"], [{"a": 1.0}, "it fails"]) == []
    assert len(differing_answers([{"a": 1}], [{"a": True}])) == 1


def ran(source: str) -> list[str]:
    """What did not run of a module, as `line: what`."""
    record = Record(["m.py"])
    exec(compile(record.marked(source, "m.py"), "m.py", "exec"), {"__name__": "m"})
    done = set(record.ran()["m.py"])
    return [f"{arm.line}: {arm.what}" for number, arm in enumerate(arms(source)) if number not in done]


@pytest.mark.parametrize(
    ("source", "missed"),
    [
        ("def f(x):\n    return x\n\nf(1)\n", []),
        ("def f(x):\n    return x\n", ["2: a statement"]),
        ("x = 1\nif x:\n    y = 2\n", ["2: the case that it is false"]),
        ("x = 1\ny = 2 if x else 3\n", ["2: one side of `if … else`"]),
        ("x = 0 or 1\ny = 1 or 2\n", ["2: what follows `and` or `or`"]),
        ("f = lambda: 1\n", ["1: a lambda"]),
        ("x = [i for i in (1, 2) if i]\n", ["1: an element that is left out"]),
        ("x = [i for i in (0, 1) if i]\n", []),
        ("for i in ():\n    x = i\n", ["2: a statement"]),
        ("try:\n    x = 1\nexcept ValueError:\n    x = 2\n", ["4: a statement"]),
        ("match 1:\n    case 1:\n        x = 1\n", ["1: the case that nothing matches"]),
        ('"""Words."""\nfrom __future__ import annotations\nx = 1\n', []),
        ("class A:\n    '''Words.'''\n    x = 1\n    def f(self):\n        return 1\n", ["5: a statement"]),
        ("x = {i: 1 for i in ()}\n", ["1: an element"]),
    ],
)  # fmt: skip
def test_coverage_is_finer_than_lines(source: str, missed: list[str]) -> None:
    assert ran(source) == missed


def test_marks_change_no_result() -> None:
    source = (
        "def f(a, *b, c=3, **d):\n    'words'\n    return [a and x or c for x in b if x], d, f.__doc__\n\nout = f(1, 0, 2, e=4)\n"
    )
    plain: dict[str, object] = {}
    marked: dict[str, object] = {}
    exec(compile(source, "m.py", "exec"), plain)
    exec(compile(Record(["m.py"]).marked(source, "m.py"), "m.py", "exec"), marked)
    assert plain["out"] == marked["out"] and NAME in ast.dump(Record(["m.py"]).marked(source, "m.py"))


def part(before: str, after: str) -> ChangedPart:
    modules = [parse_module(text, "m.py", "m") for text in (before, after)]
    assert modules[0] is not None and modules[1] is not None
    return ChangedPart(modules[0].nodes("f"), modules[1].nodes("f"), modules[0], modules[1], "f")


@pytest.mark.parametrize(
    ("before", "after", "new"),
    [
        ("def f(x):\n    y = x + 1\n    return y\n", "def f(x):\n    return x + 1\n", False),
        ("def f(x):\n    return x['a'].clip(0)\n", "def f(rows):\n    return rows.a.clip(0)\n", False),
        ("def f(x):\n    return x < 1\n", "def f(x):\n    return 1 > x\n", False),
        ("def f(x):\n    return x < 1\n", "def f(x):\n    return x <= 1\n", True),
        ("def f(x):\n    return x.clip(0)\n", "def f(x):\n    return x.clip(1)\n", True),
        ("def f(x):\n    return x.clip(0)\n", "def f(x):\n    return x.clip(0).bfill()\n", True),
        ("import numpy as n\ndef f(x):\n    return n.abs(x)\n", "from numpy import abs as a\ndef f(x):\n  return a(x)\n", False),
        ("def f(x):\n    return x\n", "from numpy.random import permutation as copy\ndef f(x):\n    return copy(x)\n", True),
        ("def f(x):\n    return x\n", "def f(x):\n    print('so far', 'so good')\n    return x\n", False),
        ("def f(x):\n    return x.q('a')\n", "def f(x):\n    return x.q('a > 5')\n", True),
        ("def f(x):\n    return x.shift(48)\n", "def f(x):\n    return x.shift(periods=48)\n", False),
        ("def f(x):\n    return x.shift(48)\n", "def f(x):\n    return x.shift(48, freq=48)\n", True),
        ("def f(x):\n    return x.shift(48) + x.go(2)\n", "def f(x):\n    return x.shift(periods=2) + x.go(48)\n", True),
        ("def f(x):\n    return x.shift(48)\n", "def f(x):\n    return x.go(periods=48)\n", True),
        ("def f(x):\n    return x.merge(x)\n", "def f(x):\n    return x.merge(x, how='inner')\n", False),
        ("def f(x):\n    return x.merge(x)\n", "def f(x):\n    return x.merge(x, how='left')\n", True),
        ("def f(x, y):\n    return x[x['a'] > y]\n", "def f(x, y):\n    return x.query('a > @y')\n", False),
        ("def f(x, y):\n    return x[x['a'] > y]\n", "def f(x, y):\n    return x.query('a >= @y')\n", True),
        ("def f(x, y):\n    return x[x['a'] > y]\n", "def f(x, y):\n    return x.query('y > @y')\n", True),
        ("def f(x, y):\n    return x[x['a'] > y]\n", "def f(x, y):\n    return x.query('a > @z')\n", True),
        ("def f(x, y):\n    return x[x['a'] > y]\n", "def f(x, y):\n    return x.query('a > @y.max()')\n", True),
        ("def f(x, y):\n    return x[~(x == y)]\n", "def f(x, y):\n    return x[x != y]\n", False),
        ("def f(x, y):\n    return x[x == y]\n", "def f(x, y):\n    return x[x != y]\n", True),
    ],
)  # fmt: skip
def test_a_refactor_says_nothing_new(before: str, after: str, new: bool) -> None:
    assert bool(new_words([part(before, after)])) is new


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ("def f(x):\n    return x.clip(0)\n", "def f(x):\n    return x\n", True),
        ("def f(x):\n    return x.dropna().sum()\n", "def f(x):\n    return x.sum()\n", True),
        ("def f(x):\n    return x[x.a > 0]\n", "def f(x):\n    return x\n", True),
        ("def f(x):\n    if x.empty:\n        return x\n    return x.sum()\n", "def f(x):\n    return x.sum()\n", True),
        ("def f(x):\n    assert len(x)\n    return x\n", "def f(x):\n    return x\n", True),
        ("def f(x):\n    return max(0, x)\n", "def f(x):\n    return x\n", True),
        ("def f(x):\n    return [y for y in x if y]\n", "def f(x):\n    return list(x)\n", True),
        ("def f(x):\n    return x.copy()\n", "def f(x):\n    return x\n", False),
        ("def f(x):\n    y = x.sum()\n    return y\n", "def f(x):\n    return x.sum()\n", False),
        ("def f(x):\n    if x:\n        return 1\n    else:\n        return 2\n", "def f(x):\n    return 1 if x else 2\n", False),
        ("def f(x):\n    return x < 1\n", "def f(x):\n    return 1 > x\n", False),
    ],
)  # fmt: skip
def test_a_guard_that_today_does_not_need_is_not_cleared_away(before: str, after: str, lost: bool) -> None:
    assert bool(lost_words([part(before, after)])) is lost


RECORD = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass R:\n    start: pd.Timestamp\n    end: int\n"
SUM = "def f(x, y):\n    return x + y\n"


@pytest.mark.parametrize(
    ("after", "new"),
    [
        (RECORD + "def f(x, y):\n    r = R(x, y)\n    return r.start + r.end\n", False),
        (RECORD + "def f(x, y):\n    return [r.start + r.end for r in [R(x, y)]]\n", False),
        (RECORD + "def f(x, y):\n    r = R(x, y)\n    return x.start + r.end\n", True),  # of something else
        (RECORD + "def f(x, y):\n    r = R(x, y)\n    r = x\n    return r.start + r.end\n", True),
        (RECORD.replace("frozen", "eq") + "def f(x, y):\n    r = R(x, y)\n    return r.start + r.end\n", True),
        (RECORD.replace(": int", ": int = 3") + "def f(x, y):\n    r = R(x, y)\n    return r.start + r.end\n", True),
        (RECORD.replace("class R", "class R(B)") + "def f(x, y):\n    r = R(x, y)\n    return r.start + r.end\n", True),
    ],
)
def test_a_record_taken_out_says_nothing_new(after: str, new: bool) -> None:
    old, made = (parse_module(text, "m.py", "m") for text in (SUM, after))
    assert old is not None and made is not None
    names = ["f", "R", "dataclass"]
    parts = [ChangedPart(old.nodes(name), made.nodes(name), old, made, name) for name in names]
    assert bool(new_words(parts)) is new


CLASS = "class K:\n    def a(self, x):\n        return x + 1\n    def b(self, x):\n        return self.a(x)\n"


@pytest.mark.parametrize(
    ("after", "new"),
    [
        (CLASS.replace("a(", "_a("), False),
        (CLASS.replace("self.a(x)", "x._a(x)").replace("def a(", "def _a("), True),
        (CLASS.replace("a(", "_a(").replace("K:", "K(B):"), True),
        (CLASS.replace("self.a(x)", "self.a(x).c(x)"), True),
    ],
)
def test_a_renamed_method_says_nothing_new(after: str, new: bool) -> None:
    old, made = (parse_module(text, "m.py", "m") for text in (CLASS, after))
    assert old is not None and made is not None
    assert bool(new_words([ChangedPart(old.nodes("K"), made.nodes("K"), old, made, "K")])) is new


@pytest.mark.parametrize(
    "body",
    [
        "import time\ndef f(x):\n    return time.time()\n",
        "import os\ndef f(x):\n    return os.getcwd()\n",
        "from pathlib import Path\ndef f(x):\n    return Path(x).exists()\n",
        "import numpy as np\ndef f(x):\n    return np.random.default_rng().normal()\n",
        "def f(x):\n    return f.__code__\n",
        "def f(x):\n    global y\n    y = 1\n",
        "def f(x):\n    return getattr(x, x)\n",
        "async def f(x):\n    return x\n",
        "from datetime import now\ndef f(x):\n    return now()\n",
        "now = 1\ndef f(x):\n    return (lambda now: now)(1) + now\n",
        "def f(x):\n    return __builtins__\n",
    ],
)  # fmt: skip
def test_what_can_differ_elsewhere_is_named(body: str) -> None:
    assert unsure([part("def f(x):\n    return 1\n", body)])
    seeded = "import numpy as np\ndef f(x):\n    return np.random.default_rng(7).normal()\n"
    assert not unsure([part(seeded, seeded.replace("(x)", "(y)"))])
    assert not unsure([part("def f(x):\n    return x\n", "def f(x):\n    now = x\n    return now\n")])
