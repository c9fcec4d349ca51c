"""Tests of the `migrate` skill: the text of a repair is run on tables as upstream delivers them now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from skills.migrate.skill import Input, Output, Verdict, repair, run
from workbench.gates.schema.profile import profile
from workbench.loop.schema_change import SchemaChange
from workbench.pipeline.contract import load_contract
from workbench.testing import make_workspace, skill_context

DATA = "pipelines/visits/data.py"
FRAME = pd.DataFrame(
    {"door": ["A", "B"], "hour": pd.date_range("2024-01-01", periods=2, freq="h", tz="UTC"), "visitors": [1.5, 2.0]}
)
UPSTREAM = pd.DataFrame({"door": ["A", "B"], "event ts": [1704067200, 1704070800], "visitors": ["1.5", "2.0"]})
CHANGE = SchemaChange(
    renames={"visits": {"event ts": "hour"}}, retypes={"visits": {"hour": "epoch-seconds", "visitors": "number"}},
    evidence={"visits.hour": ["looks renamed"]},
)  # fmt: skip

LITERALS = '''\
"""Loads."""
import pandas as pd

# upstream's name -> ours
RENAMED: dict[str, dict[str, str]] = {}
RETYPED = {
    "visits": {"visitors": "string"},  # since spring
}
CASTS = {
    "number": float,
    "string": lambda c: c.astype(str),
    "epoch-seconds": lambda c: pd.to_datetime(c, unit="s", utc=True),
}


def load():
    frame = given().rename(columns=RENAMED.get("visits", {}))
    for column, cast in RETYPED.get("visits", {}).items():
        frame[column] = frame[column].astype(float) if cast == "number" else CASTS[cast](frame[column])
    return {"visits": frame}
'''
PLAIN = '"""Loads."""\n\n\ndef load():\n    # as it comes\n    return {"visits": given()}\n'
LOADERS = {
    "plain": PLAIN,
    "annotated": PLAIN.replace("def load():", "def load() -> dict[str, object]:"),
    "with parameters": PLAIN.replace("def load():", "def load(path: str = 'x', *, strict=True):"),
    "decorated": "import functools\n\n\n@functools.cache\n" + PLAIN.partition("\n\n\n")[2],
    "followed": PLAIN + "\n\nLOADERS = [load]\n",
    "recursive": PLAIN.replace("return {", "if False:\n        return load()\n    return {"),
    "lambda": 'load = lambda: {"visits": given()}',
    "partial": "import functools\n\n\ndef read(n):\n    return {n: given()}\n\n\nload = functools.partial(read, 'visits')\n",
    "class": 'class Loader:\n    def __call__(self):\n        return {"visits": given()}\n\n\nload = Loader()\n',
    "another alias": "import pandas as pandas_\n\n\n" + PLAIN.partition("\n\n\n")[2],
    "windows": PLAIN.replace("\n", "\r\n"),
    "literals": LITERALS,
}


def loaded(text: str, frame: pd.DataFrame) -> pd.DataFrame:
    names: dict[str, Any] = {"given": frame.copy}
    exec(compile(text, DATA, "exec"), names)
    made: pd.DataFrame = names["load"]()["visits"]
    return made


def proof(edits: Mapping[str, str]) -> Verdict:
    try:
        pd.testing.assert_frame_equal(loaded(edits[DATA], UPSTREAM), FRAME, check_dtype=False)
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError) as error:
        return Verdict(False, str(error).splitlines()[0])
    return Verdict(True)


def repaired(root: Path, text: str, change: SchemaChange = CHANGE) -> Output:
    (root / DATA).write_bytes(text.encode())
    return repair(root, load_contract(root, "visits"), change, proof)


@pytest.mark.parametrize("text", LOADERS.values(), ids=LOADERS)
def test_tables_come_back_under_our_names_and_types(tmp_path: Path, text: str) -> None:
    output = repaired(make_workspace(tmp_path), text)
    assert output.ok, output.tried
    edited = output.edits[DATA]
    assert edited is not None
    assert ("\r\n" in text) == ("\r\n" in edited) and edited.count("\n") - edited.count("\r\n") in (0, edited.count("\n"))
    kept = [
        line
        for line in text.splitlines()
        if line.strip() and "def load" not in line and "load()" not in line and "RE" not in line
    ]
    assert all(line in edited for line in kept if '"visits": {"visitors"' not in line)


def test_literals_are_edited_in_place(tmp_path: Path) -> None:
    output = repaired(make_workspace(tmp_path), LITERALS)
    assert output.edits[DATA] == LITERALS.replace(
        "RENAMED: dict[str, dict[str, str]] = {}", 'RENAMED: dict[str, dict[str, str]] = {"visits": {"event ts": "hour"}}'
    ).replace('{"visitors": "string"}', '{"visitors": "number", "hour": "epoch-seconds"}')


def test_a_cast_that_the_literals_do_not_know_goes_around_the_callable(tmp_path: Path) -> None:
    text = LITERALS.replace('"epoch-seconds"', '"epoch-days"')
    output = repaired(make_workspace(tmp_path), text)
    edited = output.edits[DATA]
    assert output.ok and edited is not None and '"visits": {"event ts": "hour"}' in edited and "_load_as_delivered" in edited


def test_a_second_change_goes_around_the_first(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    first = repaired(root, PLAIN, SchemaChange(renames={"visits": {"event ts": "hour"}}))
    assert not first.ok  # the types are still wrong, and the proof says so
    before = PLAIN.replace("def load", "def _load_as_delivered") + "\n\ndef load():\n    return _load_as_delivered()\n"
    output = repaired(root, before)
    edited = output.edits[DATA]
    assert output.ok and edited is not None and "_load_as_delivered_2" in edited


def test_tables_and_units(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    (root / DATA).write_text('def load():\n    return {"visits_v2": given()}\n')
    change = SchemaChange(tables={"visits_v2": "visits"}, scales={"visits": {"visitors": (60.0, 0.0), "hour": (1.8, 32.0)}})
    upstream = pd.DataFrame({"hour": [50.0], "visitors": [120.0]})
    output = repair(root, load_contract(root, "visits"), change, lambda edits: Verdict(True))
    frame = loaded(str(output.edits[DATA]), upstream)
    assert frame["visitors"].tolist() == [2.0] and frame["hour"].round(6).tolist() == [10.0]


def test_without_a_proven_way_it_says_so(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    output = repair(root, load_contract(root, "visits"), CHANGE, lambda edits: Verdict(False, "no"))
    assert not output.ok and not output.edits and output.tried and output.evidence == ["looks renamed"]
    (root / DATA).unlink()
    gone = repair(root, load_contract(root, "visits"), CHANGE, lambda edits: Verdict(True))
    assert not gone.ok and "not a file" in gone.reason


READER = """\
from pathlib import Path

import pandas as pd

DATA = Path(__file__).resolve().parents[2] / "data"


def load():
    visits = pd.read_csv(DATA / "visits.csv", parse_dates=["hour"])
    return {"visits": visits}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The use case on a file in `data/`, whose load stage reads it with pandas."""
    root = make_workspace(tmp_path)
    names: dict[str, Any] = {}
    exec(compile((root / DATA).read_text(), DATA, "exec"), names)
    (root / "data").mkdir()
    names["load"]()["visits"].to_csv(root / "data/visits.csv", index=False)
    (root / DATA).write_text(READER)
    (root / "pipelines/visits/model.py").write_text(
        "def fit(train):\n    return {}\n\n\ndef predict(model, frame):\n    return frame\n"
    )
    return root


def deliver(root: Path, **changes: Any) -> None:
    file = root / "data/visits.csv"
    changes["change"](pd.read_csv(file, parse_dates=["hour"])).to_csv(file, index=False)


def test_a_real_pipeline_renamed_and_retyped_at_once(shop: Path) -> None:
    (shop / DATA).write_text(READER.replace(', parse_dates=["hour"]', ""))
    deliver(shop, change=lambda f: f.assign(hour=f["hour"].dt.as_unit("s").astype("int64")).rename(columns={"hour": "ts"}))
    output = run(skill_context(shop), Input())
    assert output.ok and not output.then and list(output.edits) == [DATA], output
    assert "visits.ts is read as hour" in output.summary and "epoch-seconds" in output.summary
    assert (shop / DATA).read_text() == READER.replace(', parse_dates=["hour"]', "")


def test_a_load_stage_that_fails_itself_is_mended_at_the_reading_call(shop: Path) -> None:
    deliver(shop, change=lambda f: f.rename(columns={"hour": "visit_hour"}))
    output = run(skill_context(shop), Input())
    assert output.ok and output.edits == {
        DATA: READER.replace('parse_dates=["hour"])', 'parse_dates=["visit_hour"]).rename(columns={"visit_hour": "hour"})')
    }, output


def test_a_name_that_only_the_code_knows_is_found_by_likeness(shop: Path) -> None:
    deliver(shop, change=lambda f: f.rename(columns={"hour": "HOUR", "visitors": "visitors_total"}))
    lower = '    visits["hour"] = pd.to_datetime(visits.pop("HOUR"))\n    return {'
    (shop / DATA).write_text(READER.replace(', parse_dates=["hour"]', "").replace("    return {", lower))
    output = run(skill_context(shop), Input())
    assert output.ok and not output.then and "visitors_total is read as visitors" in output.summary, output


def test_what_is_gone_is_not_invented(shop: Path) -> None:
    deliver(shop, change=lambda f: f.drop(columns=["hour"]))
    output = run(skill_context(shop), Input())
    assert not output.ok and not output.edits and "hour" in output.reason


def test_nothing_changed(shop: Path) -> None:
    frame = pd.read_csv(shop / "data/visits.csv", parse_dates=["hour"])
    (shop / "pipelines/visits/reference.json").write_text(profile({"visits": frame}).model_dump_json())
    output = run(skill_context(shop), Input())
    assert not output.ok and output.reason == "the tables are what the contract and the reference say"
