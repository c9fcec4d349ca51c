"""How many runs of the features stage the probe takes, and what it finds on few rows with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from tests.gates import shop
from workbench.gates.leakage.future_feature import explore
from workbench.pipeline.worlds import pulsed


class Counted:
    """A features stage that counts how often it runs."""

    def __init__(self, features: Mapping[str, shop.Feature]) -> None:
        self.build, self.runs = shop.builder(features), 0

    def __call__(self, given: shop.Tables) -> pd.DataFrame:
        self.runs += 1
        return self.build({name: table.copy() for name, table in given.items()})


@pytest.mark.parametrize("stores", [4, 12])
def test_a_clean_stage_is_run_six_times_and_probed_at_many_cutoffs(stores: int) -> None:
    stage = Counted({name: shop.HONEST[name] for name in ("trailing_rolling", "expanding_mean")})
    given = shop.tables(stores)
    seen = explore(shop.contract(), given, stage(given), stage)
    assert (stage.runs <= 6, seen.findings, seen.reason) == (True, [], "")
    assert seen.outcome.cohorts >= 16


def test_a_leak_is_found_and_traced_with_few_runs_more() -> None:
    stage = Counted({"x": shop.LEAKS["label_latency"][0]})
    given = shop.tables()
    seen = explore(shop.contract(), given, stage(given), stage, mentioned=frozenset({"units", "store", "date"}))
    assert [(finding.column, finding.source) for finding in seen.findings] == [("x", "sales.units")]
    assert stage.runs <= 12


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


def test_what_is_summed_over_a_pulse_comes_out_the_same() -> None:
    from workbench.pipeline.asof import known_times

    given = shop.tables()
    known = known_times(shop.contract(), given)
    instants = np.array([pd.Timestamp("2024-02-01").value, pd.Timestamp("2024-03-01").value])
    after = pulsed(given, known, instants, 5 * 86_400 * 10**9, 1)["sales"]
    before = given["sales"]
    assert not after["units"].equals(before["units"])
    assert after["price"].equals(before["price"])  # known always
    for store, rows in before.groupby("store"):
        assert after.loc[rows.index, "units"].sum() == pytest.approx(rows["units"].sum()), store
    # Sales are known a day after their day: those of the day of the pulse become known after it.
    moved = set(before["date"][after["units"] != before["units"]].dt.strftime("%m-%d"))
    days = pd.date_range("2024-02-01", periods=5).union(pd.date_range("2024-03-01", periods=5))
    assert moved and moved <= set(days.strftime("%m-%d"))
