"""Edits by position: what isn't touched stays, what is written parses, and nothing else of the program changes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.skills.call_edits import add_argument, remove_arguments
from workbench.skills.source import Edits, Module, Uneditable, imported_files, keyword, require_name


def only_call(module: Module) -> ast.Call:
    return next(call for call in module.calls() if module.dotted(call.func) == "f")


def without(text: str, *names: str) -> str:
    module, edits = Module(text), Edits()
    call = only_call(module)
    remove_arguments(module, call, [entry for entry in call.keywords if entry.arg in names], edits)
    return module.finished(edits)


def with_more(text: str, more: str, *names: str) -> str:
    module, edits = Module(text), Edits()
    call = only_call(module)
    gone = [entry for entry in call.keywords if entry.arg in names]
    add_argument(module, call, more, edits, ignoring=gone)
    remove_arguments(module, call, gone, edits)
    return module.finished(edits)


@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        ("f(a, b=1)", ["b"], "f(a)"),
        ("f(a, b=1, c=2)", ["b"], "f(a, c=2)"),
        ("f(a, b=1, c=2)", ["b", "c"], "f(a)"),
        ("f(b=1)", ["b"], "f()"),
        ("f(b=1, c=(2, 3))", ["b"], "f(c=(2, 3))"),
        ("f(b=1, c=2,)", ["c"], "f(b=1,)"),
        ("f(\n    a,\n    b=1,  # why\n    # next\n    c=2,\n)", ["b"], "f(\n    a,\n    # next\n    c=2,\n)"),
        ("f(\n    a,\n    b=1\n)", ["b"], "f(\n    a,\n)"),
        ("f(a,\n  b=1, c=2)", ["b"], "f(a,\n  c=2)"),
        ("f(a,\n  b=1, c=2)", ["b", "c"], "f(a)"),
        ("x = (f)(é='ü, ß', b=[1, 2])['ä']", ["b"], "x = (f)(é='ü, ß')['ä']"),
    ],
)
def test_remove(before: str, names: list[str], after: str) -> None:
    before = before if "(f)" not in before else before.replace("(f)", "f")
    assert without(before, *names) == (after.replace("(f)", "f"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()", "f(n=1)"),
        ("f(a)", "f(a, n=1)"),
        ("f(a,)", "f(a, n=1,)"),
        ("f(\n    a,\n    b=2,  # note\n)", "f(\n    a,\n    b=2,  # note\n    n=1,\n)"),
        ("f(\n    a,\n    b=2  # note\n)", "f(\n    a,\n    b=2,  # note\n    n=1,\n)"),
        ("f(a,\n  b)", "f(a,\n  b, n=1)"),
        ("f(g(x, y), *z, **k)", "f(g(x, y), *z, **k, n=1)"),
    ],
)
def test_add(before: str, after: str) -> None:
    assert with_more(before, "n=1") == after


def test_add_and_remove_in_one_edit() -> None:
    assert with_more("f(\n    a,\n    b=1,\n)", "n=1", "b") == "f(\n    a,\n    n=1,\n)"
    assert with_more("f(a, b=1)", "n=1", "b") == "f(a, n=1)"
    assert with_more("f(\n    b=1,\n)", "n=1", "b") == "f(\n    n=1,\n)"
    assert with_more("f(b=1, c=2)", "n=1", "b", "c") == "f(n=1)"


values = st.sampled_from(
    ["1", '"é,)("', "[1, 2]", "g(x, y=2)", "lambda v: (v, 1)", "{'a': 1, 'b': (2,)}", "x if y else z", "(yield)", "f'{x!r:>{w}}'"]
)
gaps = st.sampled_from(["", " ", "\n    ", "  # note, (with) brackets\n    "])


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(values, gaps, gaps), min_size=1, max_size=5), st.data(), st.booleans(), st.booleans())
def test_removing_any_arguments_leaves_exactly_the_others(
    parts: list[tuple[str, str, str]], data: st.DataObject, trailing: bool, crlf: bool
) -> None:
    written = ",".join(f"{lead}k{i}={value}{tail}" for i, (value, lead, tail) in enumerate(parts))
    text = f"def outer():\n    # größer\n    return f({written}{',' if trailing else ''}\n    )\n"
    text = text.replace("\n", "\r\n") if crlf else text
    gone = data.draw(st.sets(st.integers(0, len(parts) - 1)))
    result = without(text, *(f"k{i}" for i in gone))
    left = {entry.arg: ast.dump(entry.value) for entry in only_call(Module(result)).keywords}
    assert left == {e.arg: ast.dump(e.value) for e in only_call(Module(text)).keywords if int(str(e.arg)[1:]) not in gone}
    assert ("\r\n" in result) == crlf and "# größer" in result
    added = with_more(text, "n=1", *(f"k{i}" for i in gone))
    assert [e.arg for e in only_call(Module(added)).keywords] == [*(f"k{i}" for i in range(len(parts)) if i not in gone), "n"]


def test_edits_that_overlap_or_do_not_parse_are_refused() -> None:
    module, edits = Module("a = f(1)\n"), Edits()
    edits.replace(0, 5, "b")
    edits.replace(3, 8, "c")
    with pytest.raises(Uneditable, match="overlap"):
        module.finished(edits)
    broken = Edits()
    broken.replace(0, 1, "(")
    with pytest.raises(Uneditable, match="does not parse"):
        module.finished(broken)
    with pytest.raises(Uneditable, match=r"can parse"):
        Module("a = ")


def test_names_are_followed_through_imports() -> None:
    module = Module("import numpy as np\nimport os.path\nfrom lightgbm import train as t\n\nnp.a.b(t, os.path.join, x.y)\n")
    call = next(module.calls())
    assert [module.qualified(n) for n in (call.func, *call.args)] == ["numpy.a.b", "lightgbm.train", "os.path.join", None]


@pytest.mark.parametrize(
    ("text", "written", "after"),
    [
        ("import lightgbm as lgb\n", "lgb.early_stopping", "import lightgbm as lgb\n"),
        ("from lightgbm import (\n    train,\n)\n", "early_stopping", "from lightgbm import (\n    train, early_stopping,\n)\n"),
        ('"""Doc."""\nimport os\n', "early_stopping", '"""Doc."""\nfrom lightgbm import early_stopping\nimport os\n'),
        ("from lightgbm import early_stopping as stop\n", "stop", "from lightgbm import early_stopping as stop\n"),
    ],
)
def test_a_name_is_imported_where_it_is_not_there_yet(text: str, written: str, after: str) -> None:
    module, edits = Module(text), Edits()
    assert require_name(module, "lightgbm", "early_stopping", edits) == written
    assert module.finished(edits) == after


def test_keyword_and_line_positions() -> None:
    module = Module("é = 'ä'; f(k=1)\n")
    call = only_call(module)
    found = keyword(call, "k")
    assert found is not None and module.segment(found) == "k=1" and keyword(call, "z") is None
    assert module.at_line(1, ast.Call) == [call]


def test_workspace_files_that_a_file_imports(tmp_path: Path) -> None:
    for path, text in {
        "pipelines/shop/features.py": "from .lags import lag\nfrom . import schema\nimport pandas\n",
        "pipelines/shop/lags.py": "import pipelines.shop.windows\n",
        "pipelines/shop/schema.py": "",
        "pipelines/shop/windows.py": "from pipelines.shop import features\n",
        "pipelines/shop/__init__.py": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    found = imported_files(tmp_path, "pipelines/shop/features.py")
    assert found[0] == "pipelines/shop/features.py"
    assert {Path(path).stem for path in found} >= {"lags", "schema", "windows"}
