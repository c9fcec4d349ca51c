"""Tests of the `validate` skill."""

from pathlib import Path

import pytest

from skills.profile.skill import Input as ProfileInput
from skills.profile.skill import run as profiled
from skills.validate.skill import Input, Output, run
from workbench.errors import ContractError
from workbench.testing import make_workspace, skill_context

LOAD = 'return {"visits": pd.concat(doors, ignore_index=True)}'


def validate(place: Path, load: str = LOAD) -> Output:
    """A reference of the tables as they were, then tables as `load` gives them."""
    root = make_workspace(place)
    for path, text in profiled(skill_context(root), ProfileInput()).edits.items():
        (root / path).write_text(text or "")
    code = root / "pipelines/visits/data.py"
    code.write_text(code.read_text().replace(LOAD, load))
    return run(skill_context(root), Input())


def test_tables_as_they_were_have_no_break(tmp_path: Path) -> None:
    output = validate(tmp_path)
    assert output.ok and not output.breaks and not output.unlooked
    assert output.tables["visits"].rows == 960


@pytest.mark.parametrize(
    ("change", "kind", "column"),
    [
        ('.rename(columns={"visitors": "guests"})', "renamed", "visitors"),
        ('.assign(visitors=lambda t: t["visitors"].astype(str))', "retyped", "visitors"),
        ('.assign(hour=lambda t: (t["hour"] - pd.Timestamp(0)) // pd.Timedelta("1s"))', "retyped", "hour"),
        ('.assign(visitors=lambda t: t["visitors"] * 1000)', "rescaled", "visitors"),
        (".assign(hour=lambda t: range(len(t)))", "retyped", "hour"),
        ('.assign(door=lambda t: t["door"].str.lower())', "categories", "door"),
        ('.drop(columns=["visitors"])', "missing-column", "visitors"),
    ],
)
def test_a_break_is_named_by_kind_table_and_column(tmp_path: Path, change: str, kind: str, column: str) -> None:
    output = validate(tmp_path, LOAD.replace("ignore_index=True)", f"ignore_index=True){change}"))
    assert not output.ok
    assert (kind, "visits", column) in {(b.kind, b.table, b.column) for b in output.breaks}, output.breaks
    curable = kind not in ("missing-column", "categories") and "range" not in change
    assert {b.cure for b in output.breaks if b.kind == kind} == ({"migrate"} if curable else {None})


def test_several_at_once_are_all_named(tmp_path: Path) -> None:
    change = '.rename(columns={"visitors": "guests"}).assign(hour=lambda t: t["hour"].astype(str))'
    output = validate(tmp_path, LOAD.replace("ignore_index=True)", f"ignore_index=True){change}"))
    assert {(b.kind, b.column) for b in output.breaks} >= {("renamed", "visitors"), ("retyped", "hour")}


def test_a_missing_table_and_a_load_that_fails_are_answers(tmp_path: Path) -> None:
    gone = validate(
        tmp_path / "a",
        LOAD.replace('"visits"', '"other"').replace("pd.concat(doors", "pd.concat(doors[:0] or [pd.DataFrame({'x': [1]})]"),
    )
    assert not gone.ok and gone.breaks
    failed = validate(tmp_path / "b", "raise OSError('the share is away')")
    assert not failed.ok and "the share is away" in failed.error


def test_a_wrong_contract_is_an_error(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pipelines/visits/contract.toml": ("regression", "regresion")})
    with pytest.raises(ContractError):
        run(skill_context(root), Input())
