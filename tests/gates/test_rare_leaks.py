"""Leaks on few rows, and leaks that only one kind of change brings out; each beside an honest twin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import shop

from workbench.gates.cutoffs import clock_changes
from workbench.gates.pulses import Pulses, listen
from workbench.gates.turns import local_times, turns
from workbench.pipeline.contract import Contract


@pytest.mark.parametrize(("day", "lag", "columns"), [(74, 3, ["x"]), (90, 5, [])])
def test_one_day_of_all_stores_that_is_a_day_too_new_is_found(day: int, lag: int, columns: list[str]) -> None:
    def rare(sales: pd.DataFrame, given: shop.Tables) -> np.ndarray:
        number = (sales["date"] - pd.Timestamp("2024-01-10")).dt.days
        return np.where(number == day, shop.by_store(sales).shift(lag), shop.forget(sales))

    found = shop.errors(shop.examined(shop.builder({"x": rare}), shop.tables(12)))
    assert [finding.column for finding in found] == columns


def _rows(keep: Callable[[pd.DataFrame], pd.Series]) -> Callable[[shop.Tables], pd.DataFrame]:
    def build(given: shop.Tables) -> pd.DataFrame:
        sales = given["sales"].sort_values(["store", "date"], ignore_index=True)
        frame = shop.builder({})(given)
        return frame[keep(sales).to_numpy()[frame.index]]

    return build


@pytest.mark.parametrize(
    ("keep", "rules"),
    [
        # The day before a target is known after its prediction and before its outcome.
        (lambda sales: ~(sales.groupby("store")["footfall"].shift(1) > 75), ["leakage/future-feature"]),
        (lambda sales: ~(sales.groupby("store")["footfall"].shift(4) > 75), []),
        # An outcome that can't be learnt from is left out when it is known.
        (lambda sales: ~(sales["units"] > 22), []),
    ],
)
def test_rows_left_out_by_what_becomes_known_before_their_outcome(
    keep: Callable[[pd.DataFrame], pd.Series], rules: list[str]
) -> None:
    found = shop.errors(shop.examined(_rows(keep)))
    assert [finding.rule for finding in found] == rules
    assert all("left out" in finding.message for finding in found)


@pytest.mark.parametrize(("missing", "rules"), [(False, ["leakage/future-feature"]), (True, [])])
def test_rows_left_out_early_because_their_outcome_never_comes_are_honest(missing: bool, rules: list[str]) -> None:
    given = shop.tables()
    sales, rng = given["sales"], np.random.default_rng(5)
    sales["off"] = rng.random(len(sales)) < 0.06
    if missing:
        sales.loc[sales["off"], "units"] = np.nan
    facts = shop.contract().model_dump(by_alias=True, exclude_none=True)
    facts["sources"]["sales"]["columns"]["off"] = {"known_after": "0h"}
    facts["prediction"]["target"] = "busy"

    def build(world: shop.Tables) -> pd.DataFrame:
        frame = shop.builder({})({**world, "sales": world["sales"].assign(units=world["sales"]["units"].fillna(0.0))})
        order = world["sales"].sort_values(["store", "date"], ignore_index=True)
        frame["busy"] = (frame["units"] > 14).astype("float64")
        return frame[~order["off"].astype("float64").eq(1.0).to_numpy()[frame.index]].drop(columns="units")

    found = shop.errors(shop.examined(build, given, Contract.model_validate(facts)))
    assert [finding.rule for finding in found] == rules


def _with_closures(announced: str) -> tuple[Contract, dict[str, pd.DataFrame]]:
    facts = shop.contract().model_dump(by_alias=True, exclude_none=True)
    columns = {"day": {"known_at": "announced"}}
    facts["sources"]["closures"] = {"time": "day", "columns": columns}
    days = pd.to_datetime(["2024-02-10", "2024-03-20", "2024-04-15"])
    told = days - pd.Timedelta(announced)
    return Contract.model_validate(facts), {**shop.tables(), "closures": pd.DataFrame({"day": days, "announced": told})}


@pytest.mark.parametrize(("announced", "columns"), [("1d", ["x"]), ("20d", [])])
def test_days_that_a_seldom_list_names_are_known_when_they_are_announced(announced: str, columns: list[str]) -> None:
    def closed(sales: pd.DataFrame, given: shop.Tables) -> np.ndarray:
        return sales["date"].isin(given["closures"]["day"]).to_numpy(dtype="float64")

    facts, given = _with_closures(announced)
    found = shop.errors(shop.examined(shop.builder({"x": closed}), given, facts))
    assert [(finding.column, (finding.source or "").split(".")[0]) for finding in found] == [
        (name, "closures") for name in columns
    ]


def test_clocks_change_at_the_hour_at_which_they_do() -> None:
    hours = pd.date_range("2024-03-01", "2024-11-30", freq="h", tz="UTC")
    changes = clock_changes(hours.as_unit("ns").asi8, "Europe/Berlin")
    assert [str(pd.Timestamp(at)) for at in changes] == ["2024-03-31 01:00:00", "2024-10-27 01:00:00"]
    assert clock_changes(hours.as_unit("ns").asi8, "Asia/Tokyo") == []


def test_turns_reach_every_instant_and_events_take_none() -> None:
    from workbench.gates.comparison import Reference

    frame = shop.builder({})(shop.tables(40))
    reference = Reference(shop.contract(), frame, ["lag_7"])
    day = 86_400 * 10**9
    owners = turns(reference, ["store"], 10 * day, day)
    assert set(owners["shift"] // day) == set(range(10))
    late = dict(zip(owners["store"], owners["shift"]))
    assert (reference.rows.predicted - local_times(reference, owners) == reference.frame["store"].map(late)).all()
    alone = turns(reference, ["store", "date"], 10 * day, day)
    assert (list(alone.columns), alone["shift"].tolist()) == (["shift"], [0])


def test_a_feature_of_all_entities_is_not_judged_by_their_turns() -> None:
    from workbench.gates.comparison import Comparison, Reference
    from workbench.pipeline.pulsed import Pulsed

    reference = Reference(shop.contract(), shop.builder({})(shop.tables(12)), ["lag_7"])
    day = 86_400 * 10**9
    instants = np.unique(reference.rows.predicted)[10::12]
    train = Pulses(instants, 2 * day, day, 0, owners=turns(reference, ["store"], 12 * day, day))
    changed = Pulsed({}, np.ones(len(instants), dtype=bool), np.zeros(len(instants), dtype=bool))
    everywhere = Comparison(moved={"lag_7": np.arange(len(reference.frame))})
    heard = listen(reference, everywhere, train, {}, changed)
    assert (heard.judged, heard.suspects) == ({"lag_7": 0}, {})
    quiet = listen(reference, Comparison(), train, {}, changed)
    assert quiet.judged["lag_7"] > 3 * len(instants) and not quiet.suspects
