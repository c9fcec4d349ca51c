"""Reading files: notebooks with magics, places of lines, what can't be parsed, which files a directory holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.lint.check import files_of, lint_file, lint_text
from workbench.lint.source import SourceError, notebook, python, read

LEAK = """import pandas as pd
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from sklearn.linear_model import Ridge
df = pd.read_csv("t.csv")
X = StandardScaler().fit_transform(df[["a"]])
a, b, c, d = train_test_split(X, df["y"])
print(Ridge().fit(a, c).score(b, d))
"""


def cells(*sources: str) -> bytes:
    body = [{"cell_type": "markdown", "metadata": {}, "source": ["# a leak\n"]}]
    body += [
        {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [], "source": s.splitlines(keepends=True)}
        for s in sources
    ]
    return json.dumps({"cells": body, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


def test_a_notebook_is_read_in_order_and_findings_know_cell_and_line(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    first, rest = LEAK.split("df =", 1)
    path.write_bytes(cells("%matplotlib inline\n" + first, "!ls\n?df\ndf =" + rest, "%%bash\nrm -rf nothing"))
    (finding,) = lint_file(path, "n.ipynb").findings
    assert finding.message.startswith("cell 2, line 4: ") and "cell 2, line 5" in finding.evidence[0].text  # type: ignore[union-attr]
    assert finding.location is not None and finding.location.line is not None
    assert "StandardScaler().fit_transform" in path.read_text().splitlines()[finding.location.line - 1]


def test_a_notebook_of_format_3_is_read() -> None:
    old = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1\n"}]}]}
    assert notebook(json.dumps(old).encode(), "n").text.strip() == "x = 1"


def test_an_exported_cell_magic_is_code() -> None:
    text = LEAK.replace('df = pd.read_csv("t.csv")', "get_ipython().run_cell_magic('time', '', 'df = pd.read_csv(\"t.csv\")')")
    assert [f.rule for f in lint_text(text).findings] == ["lint/fit-before-split"]


def test_a_line_that_begins_with_percent_is_no_magic_in_python() -> None:
    assert python('x = ("%d"\n% 3)\n', "x.py").tree.body


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("a.py", b"def f(:\n", "line 1"),
        ("b.py", b"\xff\xfe\x00", "isn't"),
        ("c.ipynb", b"{", "isn't a notebook"),
        ("d.ipynb", b"[]", "no cells"),
        ("e.ipynb", cells("x = 1", "print 'old'"), "cell 2, line 1"),
        ("f.py", b"x = 1\x00", "null bytes"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, body: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(body)
    with pytest.raises(SourceError) as caught:
        read(tmp_path / name, name)
    assert name in caught.value.message and words in caught.value.message and caught.value.hint
    report = lint_file(tmp_path / name, name)
    assert report.error is not None and report.findings == []


@pytest.mark.slow
def test_too_much_work_is_said_and_is_no_pass() -> None:
    calls = "import numpy\n" + "\n".join(
        f"def f{i}(x):\n    return [f{i - 1}(x) for _ in [1, 2, 3, 4, 5, 6]]" for i in range(1, 14)
    )
    with pytest.raises(SourceError, match="not analysed"):
        lint_text(f"def f0(x):\n    return x\n{calls}\nf13(1)\n")


@pytest.mark.parametrize(
    "code",
    [
        "def f(n):\n    return f(n - 1)\nf(3)\n",
        "class A:\n    def __init__(self):\n        self.a = self\nA().a.a.b.c()\n",
        "x = x.y[z](*v, **w)[1:2, ..., None] @ {**q} | {*r}\n",
        "match x:\n    case [a, *b]:\n        pass\n    case {'k': v, **rest}:\n        pass\n",
        "async def f():\n    async with a as b:\n        async for c in b:\n            yield await c\n",
        "try:\n    a()\nexcept* ValueError:\n    b()\nfinally:\n    c()\n",
        "a, *b = c; d[0], e.f = g; (h := 3); del d[0]; global i\n",
        "import pandas as pd\ndf = pd.read_csv('x')\ndf['a']['b'].loc[:, ['c']].iloc[1:, 0].values[::-1][None, ...].T.x\n",
        "f = lambda *a, b=1, **c: (a, b, c)\nf(1, 2, b=3, d=4)\n[g for g in (h for h in i) if g]\n",
        "while True:\n    try:\n        continue\n    except Exception:\n        break\nelse:\n    pass\n",
        "from sklearn.svm import SVC\nm = SVC()\nm.fit()\nm.fit(None)\nm.predict()\nm.score()\nm.transform()\n",
        "x: int\nx += 1\nx[y] -= 2\n",
        "print(*[1], sep='')\nmax([], key=lambda q: q)\nzip()\nenumerate([])\nmin()\ndict([(1, 2)])\n",
    ],
)
def test_any_syntax_is_followed_without_a_crash(code: str) -> None:
    assert lint_text(code).findings == []


def test_directories_are_walked_without_environments(tmp_path: Path) -> None:
    for place in (
        "a.py",
        "sub/b.ipynb",
        ".venv/c.py",
        "lib/site-packages/d.py",
        "build/e.py",
        "env/pyvenv.cfg",
        "env/f.py",
        "g.txt",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("")
    assert [p.relative_to(tmp_path).as_posix() for p in files_of([tmp_path])] == ["a.py", "sub/b.ipynb"]
    assert files_of([tmp_path / "build" / "e.py"]) == [tmp_path / "build" / "e.py"]  # asked for by name
    for wrong in ("nothing.py", "g.txt"):
        with pytest.raises(UsageError):
            files_of([tmp_path / wrong])
