"""What upstream did to tables is found, with and without a reference profile, and casts do what their text says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.gates.schema.profile import profile
from workbench.loop.casts import apply, epoch_unit, expression, is_calendar_digits
from workbench.loop.schema_change import clocks_aligned, find_changes, guess_rename, missing_column
from workbench.pipeline.contract import Contract, load_contract
from workbench.testing import make_workspace


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return load_contract(make_workspace(tmp_path_factory.mktemp("shop")), "visits")


def visits() -> pd.DataFrame:
    hours = pd.date_range("2024-01-01", periods=200, freq="h", tz="UTC")
    rng = np.random.default_rng(1)
    return pd.DataFrame({"door": ["A", "B"] * 100, "hour": hours, "visitors": rng.normal(50, 9, 200).round(3)})


def seconds(frame: pd.DataFrame, unit: str = "s") -> pd.DataFrame:
    return frame.assign(hour=frame["hour"].dt.as_unit(unit).astype("int64"))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("changed", "renames", "retypes"),
    [
        (visits().rename(columns={"hour": "ts"}), {"ts": "hour"}, {}),
        (seconds(visits()), {}, {"hour": "epoch-seconds"}),
        (seconds(visits(), "ms"), {}, {"hour": "epoch-milliseconds"}),
        (seconds(visits(), "us").rename(columns={"hour": "event"}), {"event": "hour"}, {"hour": "epoch-microseconds"}),
        (seconds(visits()).astype({"hour": str}), {}, {"hour": "epoch-seconds"}),
        (visits().rename(columns={"door": "door_id", "hour": "HOUR"}), {"door_id": "door", "HOUR": "hour"}, {}),
        (visits(), {}, {}),
    ],
)
def test_a_change_is_found(
    contract: Contract, known: bool, changed: pd.DataFrame, renames: dict[str, str], retypes: dict[str, str]
) -> None:
    reference = profile({"visits": visits()}) if known else None
    change = find_changes(contract, {"visits": changed}, reference)
    assert change.renames == ({"visits": renames} if renames else {})
    assert change.retypes == ({"visits": retypes} if retypes else {})
    assert bool(change) == bool(renames or retypes) and not change.unexplained
    assert all(words for words in change.evidence.values())


@pytest.mark.parametrize(
    ("change", "cast"),
    [
        (lambda v: v.map("{:.3f}".format), "number"),
        (lambda v: v.map(lambda x: f"{x:.3f}".replace(".", ",")), "comma-number"),
        (lambda v: v.map("{:.3f} EUR".format), "number-text"),
    ],
)
def test_numbers_that_became_text(contract: Contract, change: object, cast: str) -> None:
    changed = visits().assign(visitors=change(visits()["visitors"]))  # type: ignore[operator]
    found = find_changes(contract, {"visits": changed}, profile({"visits": visits()}))
    assert found.retypes == {"visits": {"visitors": cast}}


def test_text_that_became_numbers_gets_its_zeros_back(contract: Contract) -> None:
    before = visits().assign(door=["007", "012"] * 100)
    after = before.assign(door=before["door"].astype(int))
    found = find_changes(contract, {"visits": after}, profile({"visits": before}))
    assert found.retypes == {"visits": {"door": "string:03"}}


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M"])
def test_times_as_text_come_back_in_their_own_format(contract: Contract, form: str) -> None:
    before = visits().assign(hour=visits()["hour"].dt.strftime(form))
    found = find_changes(contract, {"visits": seconds(visits())}, profile({"visits": before}))
    assert found.retypes == {"visits": {"hour": f"epoch-seconds:{form}"}}
    back = apply(found.retypes["visits"]["hour"], seconds(visits())["hour"])
    assert back is not None and back.tolist() == before["hour"].tolist()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d-%m-%Y %H:%M"])
def test_a_day_in_front_is_no_month(contract: Contract, form: str, known: bool) -> None:
    before = visits().assign(hour=pd.date_range("2024-01-05", periods=len(visits()), freq="5h"))
    after = before.assign(hour=before["hour"].dt.strftime(form))
    found = find_changes(contract, {"visits": after}, profile({"visits": before}) if known else None)
    cast = found.retypes.get("visits", {}).get("hour", "day-first" if not known else "")
    read = apply(cast, after["hour"])
    assert cast.startswith("day-first") and read is not None
    assert read.dt.tz_localize(None).tolist() == [moment.floor("min") for moment in before["hour"]]


def test_another_unit_is_found_by_its_deciles(contract: Contract) -> None:
    changed = visits().assign(visitors=visits()["visitors"] * 60)
    found = find_changes(contract, {"visits": changed}, profile({"visits": visits()}))
    assert found.scales == {"visits": {"visitors": (60.0, 0.0)}}


@pytest.mark.parametrize("known", [True, False])
def test_what_is_gone_without_a_trace_is_not_guessed(contract: Contract, known: bool) -> None:
    reference = profile({"visits": visits()}) if known else None
    found = find_changes(contract, {"visits": visits().drop(columns=["hour"])}, reference)
    assert not found and list(found.unexplained) == ["visits.hour"]
    empty = find_changes(contract, {"visits": visits().assign(hour="noon")}, profile({"visits": visits()}))
    assert not empty and "no reading of it fits" in empty.unexplained["visits.hour"]


def test_a_table_under_another_name(contract: Contract) -> None:
    assert find_changes(contract, {"visits_v2": visits()}, None).tables == {"visits_v2": "visits"}
    assert find_changes(contract, {"weather": pd.DataFrame({"t": [1]})}, None).unexplained.keys() == {"visits"}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(315_532_801, 4_000_000_000), st.sampled_from([("seconds", "s"), ("milliseconds", "ms"), ("nanoseconds", "ns")])
)
def test_an_epoch_is_read_as_the_moment_it_is(second: int, unit: tuple[str, str]) -> None:
    moment = pd.Timestamp(second, unit="s", tz="UTC")
    values = pd.Series(
        [int(moment.as_unit(unit[1]).value // 1)] if unit[1] == "ns" else [int(second * (1000 if unit[1] == "ms" else 1))]
    )
    assert epoch_unit(values) == unit[0]
    read = apply(f"epoch-{unit[0]}", values)
    assert read is not None and read.iloc[0] == moment
    back = apply(f"to-epoch-{unit[0]}", read)
    assert back is not None and int(back.iloc[0]) == int(values.iloc[0])


def test_plain_numbers_are_no_epoch_and_digits_are_dates() -> None:
    assert epoch_unit(pd.Series([1.0, 50.0, 3e6])) is None
    assert epoch_unit(pd.Series([], dtype="float64")) is None
    assert is_calendar_digits(pd.Series([20240131, 20231201])) and not is_calendar_digits(pd.Series([20240231]))
    read = apply("digits", pd.Series([20240131]))
    assert read is not None and read.iloc[0] == pd.Timestamp("2024-01-31")


@pytest.mark.parametrize("cast", ["", "minutes", "epoch-fortnights", "string:x", "time; import os"])
def test_an_unknown_cast_is_refused(cast: str) -> None:
    with pytest.raises(ValueError):
        expression(cast, "column")
    assert apply(cast, pd.Series([1])) is None


def test_local_times_have_their_zone() -> None:
    read = apply("epoch-seconds@Europe/Berlin", pd.Series([1_720_000_000]))
    assert read is not None and read.iloc[0] == pd.Timestamp("2024-07-03 11:46:40")
    aware = apply("aware@Europe/Berlin", read)
    assert aware is not None and aware.iloc[0] == pd.Timestamp(1_720_000_000, unit="s", tz="UTC")


@pytest.mark.parametrize(
    ("said", "column"),
    [
        ("KeyError: 'hour'", "hour"),
        ("KeyError: 'Column not found: units'", "units"),
        ("KeyError: \"['price'] not in index\"", "price"),
        ("KeyError: \"None of [Index(['size'], dtype='str')] are in the [columns]\"", "size"),
        ("ValueError: Missing column provided to 'parse_dates': 'day'", "day"),
        ("ValueError: Usecols do not match columns, columns expected but not found: ['q', 'r']", "q"),
        ("Stage `features` returned a frame without the column `size`, which the contract names.", "size"),
        ("ZeroDivisionError: division by zero", None),
        ("", None),
    ],
)
def test_the_missing_column_is_read_from_what_was_said(said: str, column: str | None) -> None:
    assert missing_column(said) == column


def test_a_name_is_guessed_only_where_one_is_alike_and_new() -> None:
    tables = {"a": pd.DataFrame({"units_sold": [1], "store": [1]}), "b": pd.DataFrame({"x": [1]})}
    assert guess_rename(tables, "units", {"store"}).renames == {"a": {"units_sold": "units"}}
    assert not guess_rename(tables, "units", {"store", "units_sold"})
    assert not guess_rename(tables, "temperature", set())
    assert not guess_rename({"a": pd.DataFrame({"units_a": [1], "units_b": [1]})}, "units", set())


def test_clocks_that_do_not_go_together_are_written_alike(tmp_path: Path) -> None:
    text = (
        '[sources.visits]\ntime = "hour"',
        '[sources.prices]\ntime = "hour"\nzone = "Europe/Berlin"\n[sources.visits]\ntime = "hour"',
    )
    contract = load_contract(make_workspace(tmp_path, {"pipelines/visits/contract.toml": text}), "visits")
    naive = visits().assign(hour=visits()["hour"].dt.tz_localize(None))
    ways = clocks_aligned(contract, {"visits": visits(), "prices": naive})
    assert [way.retypes for way in ways] == [{"prices": {"hour": "aware@Europe/Berlin"}}, {"visits": {"hour": "naive@UTC"}}]
    assert clocks_aligned(contract, {"visits": naive, "prices": naive}) == []
