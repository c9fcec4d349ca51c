# Pairs of texts are easier to read unbroken.
# ruff: noqa: E501
from __future__ import annotations

import pytest

from tests.changesets import AGENT, workspace
from workbench.changes import Change, classify
from workbench.repo import Repo

SPLIT = "pipelines/sales/split.py"
HEAD = "import numpy as np\n\n\n"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return workspace(tmp_path_factory.mktemp("ws"))


def _kinds(repo: Repo, before: str, after: str) -> set[str]:
    """The kinds that stand when the split stage goes from one text to another."""
    base = repo.write_tree(repo.tree_of("HEAD"), {SPLIT: before.encode()})
    result = repo.write_tree(base, {SPLIT: after.encode()})
    return {kind.value for kind in classify(repo, Change(base=base, result=result, author=AGENT, title="")).kinds}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(HEAD + 'def folds(f):\n    for r in f:\n        v = g(r)\n        if v > 3:\n            last = v\n    return last\n\ndef g(r):\n    return r\n', HEAD + 'def folds(f):\n    for r in f:\n        v = g(r)\n        if v > 3:\n            last = v\n    return v\n\ndef g(r):\n    return r\n', id='last in loop'),
        pytest.param(HEAD + 'A=[]\nB=[]\ndef folds(f):\n    A.append(1)\n    return B\n', HEAD + 'A=[]\nB=[]\ndef folds(f):\n    B.append(1)\n    return B\n', id='swap shared lists'),
        pytest.param(HEAD + 'def folds(f):\n    a = f.pop()\n    b = f.pop()\n    return a, b\n', HEAD + 'def folds(f):\n    a = f.pop()\n    b = f.pop()\n    return b, a\n', id='swap calls'),
        pytest.param(HEAD + 'def folds(f):\n    k = 1\n    g = lambda x: x + k\n    k = 2\n    return g(f)\n', HEAD + 'def folds(f):\n    k = 1\n    g = lambda x: x + k\n    return g(f)\n', id='late closure'),
        pytest.param(HEAD + "def folds(f):\n    limit = 3\n    other = 4\n    return f.query('a > @limit')\n", HEAD + "def folds(f):\n    other = 3\n    limit = 4\n    return f.query('a > @limit')\n", id='query names'),
        pytest.param(HEAD + "limit = 3\ndef folds(f):\n    return f.query('a > @limit')\n", HEAD + "limit = 4\ndef folds(f):\n    return f.query('a > @limit')\n", id='query global'),
        pytest.param(HEAD + 'def g(x, k=1):\n    return x * k\ndef folds(f):\n    return g(f)\n', HEAD + 'def g(x, k=2):\n    return x * k\ndef folds(f):\n    return g(f)\n', id='default'),
        pytest.param(HEAD + 'def g(a, b):\n    return a - b\ndef folds(f):\n    return g(a=f, b=1)\n', HEAD + 'def g(a, b):\n    return a - b\ndef folds(f):\n    return g(b=f, a=1)\n', id='keyword order'),
        pytest.param(HEAD + 'def g(a, b):\n    return a - b\ndef folds(f):\n    return g(f, 1)\n', HEAD + 'def g(b, a):\n    return a - b\ndef folds(f):\n    return g(f, 1)\n', id='param swap'),
        pytest.param(HEAD + 'def folds(f):\n    if not f:\n        return []\n    return [f]\n', HEAD + 'def folds(f):\n    if f:\n        return []\n    return [f]\n', id='negated wrong'),
        pytest.param(HEAD + 'def folds(f):\n    return np.mean(f)\n', 'import statistics as np\n\n\ndef folds(f):\n    return np.mean(f)\n', id='other lib'),
        pytest.param(HEAD + 'N = 3\ndef folds(f, N=4):\n    return f[:N]\n', HEAD + 'N = 3\ndef folds(f, M=4):\n    return f[:N]\n', id='shadow param'),
        pytest.param(HEAD + 'def folds(f):\n    out = []\n    for x in f:\n        out.append(x)\n    return out, x\n', HEAD + 'x = 1\ndef folds(f):\n    out = [x for x in f]\n    return out, x\n', id='loop var leak'),
        pytest.param(HEAD + 'def folds(f, o=None):\n    out = []\n    for x in f:\n        o.append(x)\n    return out\n', HEAD + 'def folds(f, o=None):\n    out = [x for x in f]\n    return out\n', id='append other'),
        pytest.param(HEAD + 'def folds(f):\n    t = 0\n    for x in f:\n        t += x\n    return t\n', HEAD + 'def folds(f):\n    t = 0\n    for x in f:\n        t = x\n    return t\n', id='aug wrong'),
        pytest.param(HEAD + 'class C:\n    k = 1\n    def __call__(self, f):\n        return f[: self.k]\nfolds = C()\n', HEAD + 'class C:\n    k = 2\n    def __call__(self, f):\n        return f[: self.k]\nfolds = C()\n', id='class attr'),
        pytest.param(HEAD + 'class C:\n    @property\n    def k(self):\n        return 1\n    def __call__(self, f):\n        return f[: self.k]\nfolds = C()\n', HEAD + 'class C:\n    @property\n    def k(self):\n        return 2\n    def __call__(self, f):\n        return f[: self.k]\nfolds = C()\n', id='property dec'),
        pytest.param(HEAD + 'def folds(f):\n    try:\n        a = f[0]\n    except KeyError:\n        a = 1\n    return a\n', HEAD + 'def folds(f):\n    try:\n        a = f[0]\n    except Exception:\n        a = 1\n    return a\n', id='try'),
        pytest.param(HEAD + 'import pipelines.sales.metrics as m\nm.score = 1\ndef folds(f):\n    return f\n', HEAD + 'import pipelines.sales.metrics as m\nm.score = 2\ndef folds(f):\n    return f\n', id='patch elsewhere'),
        pytest.param(HEAD + 'def deco(f):\n    return f\n@deco\ndef folds(f):\n    return f\n', HEAD + 'def deco(f):\n    return lambda *a: None\n@deco\ndef folds(f):\n    return f\n', id='decorated'),
        pytest.param(HEAD + 'def g(*a):\n    return a[0]\ndef folds(f):\n    return g(f, 1)\n', HEAD + 'def g(*a):\n    return a[0]\ndef folds(f):\n    return g(1, f)\n', id='star arg'),
        pytest.param(HEAD + 'def folds(f):\n    i = 0\n    while i < 3:\n        i += 1\n    return i\n', HEAD + 'def folds(f):\n    i = 0\n    while i < 4:\n        i += 1\n    return i\n', id='while'),
        pytest.param(HEAD + 'def g(x):\n    return x\ndef folds(f):\n    return g(f)\n', HEAD + 'def g(x):\n    return x\ndef folds(f):\n    return g(f)\ndef g(x):\n    return 0\n', id='nested redefine'),
        pytest.param(HEAD + 'G = 3\ndef folds(f):\n    return f[:G]\nG = 4\n', HEAD + 'G = 3\ndef folds(f):\n    return f[:G]\nG = 5\n', id='global rebind'),
        pytest.param(HEAD + 'def folds(f):\n    return (n := len(f)), n\n', HEAD + 'def folds(f):\n    return (n := len(f)), n + 1\n', id='walrus'),
        pytest.param(HEAD + "def folds(f):\n    x = f.copy()\n    del x['a']\n    return x\n", HEAD + 'def folds(f):\n    x = f.copy()\n    return x\n', id='del arg'),
        pytest.param(HEAD + "def folds(f):\n    x = f\n    x['a'] = 1\n    return f\n", HEAD + "def folds(f):\n    x = f.copy()\n    x['a'] = 1\n    return f\n", id='alias then mutate'),
        pytest.param(HEAD + 'def folds(f):\n    a = 1\n    for r in f:\n        b = a\n        a = r\n    return b\n', HEAD + 'def folds(f):\n    a = 1\n    for r in f:\n        b = a\n        a = r\n    return a\n', id='slot alias'),
        pytest.param(HEAD + 'def folds(f):\n    a = f[0]\n    if f:\n        b = a\n    else:\n        b = 2\n    return b\n', HEAD + 'def folds(f):\n    a = f[0]\n    if f:\n        b = a\n    else:\n        b = 2\n    return a\n', id='conditional alias'),
        pytest.param(HEAD + 'def folds(f):\n    x = 1\n    f.a and (x := 2)\n    return g(x)\ndef g(x):\n    return x\n', HEAD + 'def folds(f):\n    x = 2\n    f.a and x\n    return g(x)\ndef g(x):\n    return x\n', id='walrus that may not be'),
        pytest.param(HEAD + 'def folds(f):\n    return g(x := 1, (x := 2), x)\ndef g(*x):\n    return x\n', HEAD + 'def folds(f):\n    return g(x := 1, (x := 2), 1)\ndef g(*x):\n    return x\n', id='walrus twice'),
        pytest.param(HEAD + 'def folds(f):\n    return [(y := x) for x in f], y\n', HEAD + 'def folds(f):\n    return [(y := x) for x in f], 0\n', id='walrus in a comprehension'),
        pytest.param(HEAD + "def folds(f):\n    if f.a or f.b:\n        raise ValueError('x')\n    return f\n", HEAD + "def folds(f):\n    if f.a and f.b:\n        raise ValueError('x')\n    return f\n", id='or to and'),
        pytest.param(HEAD + "def folds(f):\n    if f.a or f.b:\n        raise ValueError('x')\n    return f\n", HEAD + "def folds(f):\n    if f.a:\n        raise ValueError('x')\n    return f\n", id='or left out'),
        pytest.param(HEAD + "def folds(f):\n    if f.a or f.b:\n        raise ValueError('x')\n    return f\n", HEAD + "def folds(f):\n    if f.b:\n        raise ValueError('x')\n    if f.a:\n        raise ValueError('x')\n    return f\n", id='or in another order'),
    ],
)  # fmt: skip
def test_what_does_something_else_is_never_the_same(repo: Repo, before: str, after: str) -> None:
    assert "split" in _kinds(repo, before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(HEAD + "def folds(f):\n    if f.a or f.b or f.c:\n        raise ValueError('x')\n    return f\n", HEAD + "def folds(f):\n    if f.a:\n        raise ValueError('x')\n    if f.b or f.c:\n        raise ValueError('x')\n    return f\n", id='or as several ifs'),
        pytest.param(HEAD + "def folds(f):\n    n = len(f)\n    if n > 3:\n        return [n]\n    return []\n", HEAD + "def folds(f):\n    if (n := len(f)) > 3:\n        return [n]\n    return []\n", id='walrus in a test'),
        pytest.param(HEAD + 'def g(a, b):\n    return a - b\ndef folds(f):\n    return g(f, 1)\n', HEAD + 'def g(left, right):\n    return left - right\ndef folds(frame):\n    return g(frame, 1)\n', id='param rename pos'),
        pytest.param(HEAD + 'def folds(f):\n    if len(f) == 0:\n        return []\n    return [f]\n', HEAD + 'def folds(f):\n    if len(f) == 0:\n        return []\n    else:\n        return [f]\n', id='early return'),
        pytest.param(HEAD + 'def folds(f):\n    if len(f) == 0:\n        return []\n    return [f]\n', HEAD + 'def folds(f):\n    return [] if len(f) == 0 else [f]\n', id='ternary'),
        pytest.param(HEAD + 'def folds(f):\n    if not f:\n        return []\n    return [f]\n', HEAD + 'def folds(f):\n    if f:\n        return [f]\n    return []\n', id='negated'),
        pytest.param(HEAD + 'def folds(f):\n    return f\n', HEAD + 'def folds(f):\n    return f\n    f = 3\n    return None\n', id='unreachable'),
        pytest.param(HEAD + 'def folds(f):\n    return f\n', HEAD + 'def folds(f):\n    if False:\n        f = 0\n    return f\n', id='if False'),
        pytest.param(HEAD + 'def folds(f):\n    return np.mean(f)\n', 'from numpy import mean\n\n\ndef folds(f):\n    return mean(f)\n', id='import in module'),
        pytest.param(HEAD + 'def folds(f):\n    t = 0\n    for x in f:\n        t += x\n    return t\n', HEAD + 'def folds(f):\n    total = 0\n    for row in f:\n        total += row\n    return total\n', id='aug'),
        pytest.param(HEAD + 'def g(x):\n    return x\ndef folds(f):\n    return g(f)\n', HEAD + 'def folds(f):\n    return g(f)\ndef g(x):\n    return x\n', id='order of defs'),
        pytest.param(HEAD + 'def folds(f):\n    return list(x for x in f)\n', HEAD + 'def folds(f):\n    return list(y for y in f)\n', id='generator vs list'),
    ],
)  # fmt: skip
def test_another_arrangement_of_the_same_steps_is_the_same(repo: Repo, before: str, after: str) -> None:
    assert _kinds(repo, before, after) <= {"docs", "format"}
