"""How many runs of the features stage the probe takes, and what it finds on few rows with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from tests.gates import shop
from workbench.gates.comparison import Reference
from workbench.gates.leakage.future_feature import explore
from workbench.gates.outcome import Outcome
from workbench.gates.probes import Probe
from workbench.gates.strikes import Strikes
from workbench.pipeline.pulsed import pulsed


class Counted:
    """A features stage that counts how often it runs."""

    def __init__(self, features: Mapping[str, shop.Feature]) -> None:
        self.build, self.runs = shop.builder(features), 0

    def __call__(self, given: shop.Tables) -> pd.DataFrame:
        self.runs += 1
        return self.build({name: table.copy() for name, table in given.items()})


@pytest.mark.parametrize("stores", [4, 12])
def test_a_clean_stage_is_run_six_times_more_and_probed_at_many_cutoffs(stores: int) -> None:
    stage = Counted({name: shop.HONEST[name] for name in ("trailing_rolling", "expanding_mean")})
    given = shop.tables(stores)
    seen = explore(shop.contract(), given, stage(given), stage)
    assert (stage.runs - 1 <= 6, seen.findings, seen.reason) == (True, [], "")
    assert seen.outcome.cohorts >= 16


def test_a_leak_is_found_and_traced_with_few_runs_more() -> None:
    stage = Counted({"x": shop.LEAKS["label_latency"][0]})
    given = shop.tables()
    seen = explore(shop.contract(), given, stage(given), stage, mentioned=frozenset({"units", "store", "date"}))
    assert [(finding.column, finding.source) for finding in seen.findings] == [("x", "sales.units")]
    assert stage.runs <= 13


def test_the_quick_form_runs_three_times_when_clean() -> None:
    stage = Counted({})
    given = shop.tables()
    seen = explore(shop.contract(), given, stage(given), stage, quick=True)
    assert (stage.runs, seen.findings, seen.reason) == (3, [], "")


def test_a_look_ahead_of_one_store_on_one_day_a_month_is_found_beside_a_feature_that_looks_back_on_everything() -> None:
    def rare(sales: pd.DataFrame, given: shop.Tables) -> np.ndarray:
        ahead = shop.by_store(sales).shift(-1)
        known = shop.forget(sales).groupby(sales["store"]).transform(lambda s: s.expanding().mean())
        return np.where((sales["store"] == "S02") & (sales["date"].dt.day == 24), ahead, known)

    found = shop.errors(shop.examined(shop.builder({"x": rare})))
    assert [(finding.column, finding.source) for finding in found] == [("x", "sales.units")]


def _one_day_too_new(days: int) -> shop.Feature:
    def window(sales: pd.DataFrame, given: shop.Tables) -> np.ndarray:
        units = shop.by_store(sales)
        means = [units.transform(lambda s, lag=lag: s.shift(lag).rolling(10, min_periods=3).mean()) for lag in (4, 4 - days)]
        return np.where(sales["date"].dt.day == 15, means[1], means[0])

    return window


@pytest.mark.parametrize(("days", "column"), [(2, ["x"]), (0, [])])
def test_a_whole_window_that_is_too_new_on_one_day_a_month_is_found(days: int, column: list[str]) -> None:
    # Four days of twelve stores: what changes places within the window leaves its mean as it is.
    found = shop.errors(shop.examined(shop.builder({"x": _one_day_too_new(days)}), shop.tables(12)))
    assert [finding.column for finding in found] == column


def test_a_window_over_several_entities_costs_no_confirmation() -> None:
    def district(sales: pd.DataFrame, given: shop.Tables) -> pd.Series:
        apart = sales["store"].isin(["S00", "S01"])
        daily = sales.groupby([apart, "date"])["units"].mean().groupby(level=0).transform(lambda s: s.shift(4).rolling(8).mean())
        return pd.Series(daily.reindex(pd.MultiIndex.from_arrays([apart, sales["date"]])).to_numpy(), index=sales.index)

    stage = Counted({"x": district})
    given = shop.tables(days=240)
    seen = explore(shop.contract(), given, stage(given), stage)
    assert (stage.runs - 1 <= 6, seen.findings, seen.reason) == (True, [], "")


def test_only_cells_known_soon_after_a_strike_are_changed_and_each_entity_is_struck_at_its_own_time() -> None:
    from workbench.pipeline.asof import known_times
    from workbench.pipeline.struck import struck

    given = shop.tables(stores=2)
    known = known_times(shop.contract(), given)
    day = 86_400 * 10**9
    owners = pd.DataFrame({"store": ["S00", "S01"], "shift": [0, 10 * day]})
    after = struck(given, known, np.array([pd.Timestamp("2024-02-01").value]), 2 * day, owners, 1)
    before = given["sales"]
    changed = before["units"].ne(after["sales"]["units"]) & before["units"].notna()
    days = {store: set(rows["date"].dt.strftime("%m-%d")) for store, rows in before[changed].groupby("store")}
    # Sales are known a day after their day: what is known on the 2nd and 3rd is of the 1st and 2nd.
    assert days == {"S00": {"02-01", "02-02"}, "S01": {"02-11", "02-12"}}
    assert after["sales"]["price"].equals(before["price"])  # known always
    assert after["macro"] is given["macro"]  # nobody's own


def test_strikes_that_change_nothing_are_no_cohorts() -> None:
    given = shop.tables()
    stage = shop.builder({"x": shop.HONEST["trailing_rolling"]})
    frame = stage(given)
    reference = Reference(shop.contract(), frame, ["x"])
    probe = Probe(shop.contract(), given, reference, stage)
    late = Strikes(probe.times[-1:] + 10**18, 1, pd.DataFrame({"store": ["S00"], "shift": [0]}), {"x": 1})
    outcome = Outcome()
    assert probe._struck(late, outcome) == {}
    assert (outcome.cohorts, probe.runs) == (0, 0)


def test_what_is_summed_over_a_pulse_comes_out_the_same() -> None:
    from workbench.pipeline.asof import known_times

    given = shop.tables()
    known = known_times(shop.contract(), given)
    instants = np.array([pd.Timestamp("2024-02-01").value, pd.Timestamp("2024-03-01").value])
    changed = pulsed(given, known, instants, 5 * 86_400 * 10**9, 1)
    world, felt = changed.tables, changed.felt
    after = world["sales"]
    assert felt.all()
    before = given["sales"]
    assert not after["units"].equals(before["units"])
    assert after["price"].equals(before["price"])  # known always
    for store, rows in before.groupby("store"):
        assert after.loc[rows.index, "units"].sum() == pytest.approx(rows["units"].sum()), store
    # Sales are known a day after their day: those of the day of the pulse become known after it.
    moved = set(before["date"][after["units"] != before["units"]].dt.strftime("%m-%d"))
    days = pd.date_range("2024-02-01", periods=5).union(pd.date_range("2024-03-01", periods=5))
    assert moved and moved <= set(days.strftime("%m-%d"))
