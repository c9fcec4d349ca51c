"""Known times, and the worlds made from them: nothing known changes, everything unknown does, no clock says otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gates import shop
from workbench.errors import ContractError
from workbench.pipeline import redraw
from workbench.pipeline.asof import ALWAYS, NEVER, Cut, KnownTimes, known_times
from workbench.pipeline.contract import Contract
from workbench.pipeline.pulsed import pulsed
from workbench.pipeline.thinning import thickened, thinned
from workbench.pipeline.times import to_utc
from workbench.pipeline.worlds import Selection, poisoned, truncated

DAY = 86_400 * 10**9


def at(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").as_unit("ns").value)


def contract(sources: dict[str, object], entity: tuple[str, ...] = ("store",)) -> Contract:
    facts = shop.contract().model_dump(by_alias=True)
    facts["sources"] = sources
    facts["prediction"]["entity"] = list(entity)
    return Contract.model_validate(facts)


def sales(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "store": ["A", "A", "B"],
            "date": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-03"]),
            "units": [1.0, 2.0, 3.0],
            **columns,
        }
    )


# Known times ----------------------------------------------------------------------------------------------------------------


def test_a_cell_is_known_its_tables_lag_after_its_row() -> None:
    known = known_times(contract({"sales": {"time": "date", "known_after": "6h"}}), {"sales": sales()})
    assert known.cells["sales"]["units"].tolist() == [at("2024-01-01 06:00"), at("2024-01-03 06:00"), at("2024-01-03 06:00")]


def test_a_columns_own_rule_goes_before_its_tables() -> None:
    facts = {"units": {"known_after": "2d"}, "price": {"known": "always"}, "paid": {"known_at": "paid_at"}}
    table = sales(price=[1.0, 1.0, 1.0], paid=[1.0, 2.0, np.nan], paid_at=pd.to_datetime(["2024-01-09", "2024-01-08", None]))
    known = known_times(contract({"sales": {"time": "date", "columns": facts}}), {"sales": table}).cells["sales"]
    assert known["units"][0] == at("2024-01-03")
    assert known["price"].tolist() == [ALWAYS] * 3
    assert known["paid"].tolist() == [at("2024-01-09"), at("2024-01-08"), NEVER]
    assert known["paid_at"].tolist() == known["paid"].tolist(), "nobody knows when something will arrive before it has"


def test_the_keys_of_a_row_are_known_as_early_as_its_earliest_cell() -> None:
    facts = {"price": {"known_at": "announced"}}
    table = sales(price=[1.0, 1.0, 1.0], announced=pd.to_datetime(["2023-12-01", "2024-01-05", None]))
    known = known_times(contract({"sales": {"time": "date", "columns": facts}}), {"sales": table}).cells["sales"]
    early = [at("2023-12-01"), at("2024-01-03"), at("2024-01-03")]
    assert known["date"].tolist() == early
    assert known["store"].tolist() == early
    assert known["units"][0] == at("2024-01-01")


def test_a_key_that_is_declared_keeps_its_own_rule() -> None:
    facts = {"price": {"known": "always"}, "store": {"known_after": "1d"}}
    known = known_times(contract({"sales": {"time": "date", "columns": facts}}), {"sales": sales(price=1.0)}).cells["sales"]
    assert known["store"][0] == at("2024-01-02")
    assert known["date"].tolist() == [ALWAYS] * 3


def test_static_tables_are_always_known_and_rows_without_a_time_never() -> None:
    table = sales()
    table.loc[0, "date"] = pd.NaT
    both = {"sales": {"time": "date"}, "stores": {"static": True}}
    known = known_times(contract(both), {"sales": table, "stores": pd.DataFrame({"store": ["A"], "size": [1]})})
    assert known.cells["stores"]["size"].tolist() == [ALWAYS]
    assert known.cells["sales"]["units"][0] == NEVER


def test_local_times_are_compared_in_utc() -> None:
    known = known_times(contract({"sales": {"time": "date", "zone": "Asia/Tokyo"}}), {"sales": sales()})
    assert known.cells["sales"]["units"][0] == at("2023-12-31 15:00")


def test_what_the_contract_and_the_tables_do_not_share_is_refused() -> None:
    with pytest.raises(ContractError, match="`stray`"):
        known_times(contract({"sales": {"time": "date"}}), {"stray": sales()})
    with pytest.raises(ContractError, match="`when`"):
        known_times(contract({"sales": {"time": "when"}}), {"sales": sales()})


# Worlds ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop_world() -> tuple[dict[str, pd.DataFrame], KnownTimes]:
    tables = shop.tables(stores=3, days=40)
    return tables, known_times(shop.contract(plan=False), tables)


CUT = pd.Timestamp("2024-02-01", tz="UTC")


def unknown(known: KnownTimes, name: str, column: str, cut: int = int(CUT.as_unit("ns").value)) -> np.ndarray:
    return known.cells[name][column] > cut


def test_known_at_the_cutoff_itself_is_known() -> None:
    tables = {"sales": sales()}
    known = known_times(contract({"sales": {"time": "date"}}), tables)
    assert truncated(tables, known, pd.Timestamp("2024-01-03", tz="UTC"))["sales"].equals(tables["sales"])
    before = truncated(tables, known, pd.Timestamp("2024-01-03", tz="UTC") - pd.Timedelta("1ns"))["sales"]
    assert before["units"].tolist() == [1.0]


def test_truncated_drops_unknown_rows_and_empties_unknown_cells() -> None:
    facts = {"price": {"known": "always"}}
    table = sales(price=[5, 6, 7], count=[1, 2, 2**60 + 1], open=[True, False, True])
    tables = {"sales": table, "visits": table[["store", "date", "units"]]}
    given = contract({"sales": {"time": "date", "columns": facts}, "visits": {"time": "date"}})
    world = truncated(tables, known_times(given, tables), pd.Timestamp("2024-01-02", tz="UTC"))
    assert len(world["visits"]) == 1
    assert world["sales"]["date"].tolist() == table["date"].tolist()
    assert world["sales"]["price"].tolist() == [5, 6, 7]
    assert world["sales"]["units"].isna().tolist() == [False, True, True]
    assert world["sales"]["count"].iloc[0] == 1


@pytest.mark.parametrize("draw", ["a", "b"])
@pytest.mark.parametrize("seed", [1, 2])
def test_poisoned_changes_every_unknown_cell_and_no_known_one(shop_world, draw: str, seed: int) -> None:
    tables, known = shop_world
    world = poisoned(tables, known, CUT, seed, draw=draw)
    for name, table in tables.items():
        assert len(world[name]) == len(table)
        assert world[name].dtypes.equals(table.dtypes)
    # Draw A keeps rows in place, so that they can be compared one by one.
    if draw == "a":
        for name, table in tables.items():
            for column in table.columns:
                same = world[name][column].eq(table[column]) | (world[name][column].isna() & table[column].isna())
                hidden = unknown(known, name, column)
                assert same[~hidden].all()
                if column not in ("store", known.times[name]):
                    assert not same[hidden].any(), f"{name}.{column}"


def test_draw_b_moves_keys_and_no_clock_says_known(shop_world) -> None:
    tables, known = shop_world
    world = poisoned(tables, known, CUT, 1, draw="b")
    facts = shop.contract(plan=False)
    again = known_times(facts, world)
    for name, table in tables.items():
        for column in table.columns:
            before, after = unknown(known, name, column), unknown(again, name, column)
            assert before.sum() == after.sum(), f"{name}.{column}"
    hidden = unknown(known, "sales", "date")
    assert world["sales"]["date"].max() > tables["sales"]["date"].max()
    assert not world["sales"].duplicated(["store", "date"]).any(), "what named a row still does"
    assert (to_utc(world["macro"]["published"]) > CUT).sum() == (to_utc(tables["macro"]["published"]) > CUT).sum()
    assert hidden.any()


def test_tables_stay_sorted_the_way_they_were(shop_world) -> None:
    tables, known = shop_world
    for seed in range(3):
        world = poisoned(tables, known, CUT, seed, draw="b")
        assert world["visits"]["day"].is_monotonic_increasing
        assert world["status"]["since"].is_monotonic_increasing
        for _, rows in world["sales"].groupby("store"):
            assert rows["date"].is_monotonic_increasing
        for made in (thinned, thickened):
            world = made(tables, known, CUT, seed)
            assert world["visits"]["day"].is_monotonic_increasing
            assert all(rows["date"].is_monotonic_increasing for _, rows in world["sales"].groupby("store"))


def test_worlds_are_the_same_for_the_same_seed_and_differ_between_draws(shop_world) -> None:
    tables, known = shop_world
    first, second = (poisoned(tables, known, CUT, 5) for _ in range(2))
    other = poisoned(tables, known, CUT, 5, draw="b")
    assert all(first[name].equals(second[name]) for name in tables)
    assert not first["sales"]["units"].equals(other["sales"]["units"])


def test_a_selection_changes_only_its_cells_and_to_the_same_values(shop_world) -> None:
    tables, known = shop_world
    later = int(CUT.as_unit("ns").value) + 5 * DAY
    whole = poisoned(tables, known, CUT, 1)
    part = poisoned(tables, known, CUT, 1, only=Selection(frozenset({("sales", "units")}), later))
    assert part["visits"].equals(tables["visits"])
    assert part["sales"]["footfall"].equals(tables["sales"]["footfall"])
    chosen = known.cells["sales"]["units"] > later
    assert part["sales"]["units"][chosen].equals(whole["sales"]["units"][chosen])
    assert part["sales"]["units"][~chosen].equals(tables["sales"]["units"][~chosen])


def test_what_never_becomes_known_and_is_missing_stays_so() -> None:
    table = sales(paid=[1.0, np.nan, 3.0], paid_at=pd.to_datetime(["2024-01-02", None, "2024-01-09"]))
    tables = {"sales": table}
    known = known_times(contract({"sales": {"time": "date", "columns": {"paid": {"known_at": "paid_at"}}}}), tables)
    world = poisoned(tables, known, pd.Timestamp("2024-01-05", tz="UTC"), 1)["sales"]
    assert world["paid"].isna().tolist()[1] and world["paid_at"].isna().tolist()[1]
    assert world["paid"][2] != 3.0


def test_an_entity_may_have_a_cut_of_its_own(shop_world) -> None:
    tables, known = shop_world
    own = pd.Series({"S00": at("2024-01-20"), "S01": at("2024-02-10"), "S02": at("2024-02-01")})
    world = truncated(tables, known, Cut.staggered(own, ["store"]))
    last = world["sales"].groupby("store")["date"].max()
    assert last.dt.strftime("%m-%d").to_dict() == {"S00": "01-19", "S01": "02-09", "S02": "01-31"}
    assert (world["macro"]["period"] <= pd.Timestamp("2024-02-10")).all(), "what belongs to no entity has the latest cut"


def test_thinned_and_thickened_touch_unknown_rows_only(shop_world) -> None:
    tables, known = shop_world
    cut = int(CUT.as_unit("ns").value)
    for name, table in tables.items():
        there = known.earliest(name) <= cut
        fewer, more = thinned(tables, known, CUT, 1)[name], thickened(tables, known, CUT, 1)[name]
        assert fewer.iloc[: int(there.sum())].equals(table[there].reset_index(drop=True)) or name == "sales"
        if (~there).any():
            assert len(fewer) < len(table) < len(more)
        else:
            assert len(fewer) == len(table) == len(more)
    assert not thickened(tables, known, CUT, 1)["sales"].duplicated(["store", "date"]).any()


def test_rows_that_are_awaited_keep_one_of_each_slot(shop_world) -> None:
    tables, known = shop_world
    hidden = unknown(known, "sales", "units")
    slots = np.where(hidden, np.arange(len(hidden)) // 2, -1)
    world = thinned(tables, known, CUT, 1, share=1.0, awaited={"sales": slots})["sales"]
    assert len(world) == (~hidden).sum() + len(np.unique(slots[hidden]))


def test_pulses_change_short_stretches_and_nothing_between() -> None:
    tables = shop.tables(stores=2, days=40)
    known = known_times(shop.contract(), tables)
    instants = np.array([at("2024-01-20"), at("2024-02-05")])
    world = pulsed(tables, known, instants, 2 * DAY, 1).tables
    changed = world["sales"]["units"] != tables["sales"]["units"]
    days = sorted(tables["sales"]["date"][changed].dt.strftime("%m-%d").unique())
    assert days == ["01-20", "01-21", "02-05", "02-06"]
    assert world["sales"]["price"].equals(tables["sales"]["price"])


def test_rows_that_are_an_entity_each_trade_with_one_another_and_a_pulse_with_one_row_is_not_felt() -> None:
    tables = shop.tables(stores=2, days=40)
    sales = tables["sales"].assign(store=[f"S{number}" for number in range(len(tables["sales"]))])
    alone = sales[(sales["date"] != "2024-02-05") | (sales["date"].duplicated())]
    tables = {**tables, "sales": alone.reset_index(drop=True)}
    known = known_times(shop.contract(), tables)
    instants = np.array([at("2024-01-20"), at("2024-02-05")])
    changed = pulsed({"sales": tables["sales"]}, known, instants, DAY, 1)
    world, felt = changed.tables, changed.felt
    changed = world["sales"]["units"] != tables["sales"]["units"]
    assert sorted(tables["sales"]["date"][changed].dt.strftime("%m-%d").unique()) == ["01-20"]
    assert felt.tolist() == [True, False]


# Redrawing ------------------------------------------------------------------------------------------------------------------

KINDS = {
    "float": st.floats(-1e6, 1e6),
    "share": st.floats(0, 1),
    "count": st.integers(0, 1000),
    "code": st.integers(0, 4),
    "text": st.sampled_from(["a", "b", "c"]),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), source=st.data())
def test_no_redrawn_cell_keeps_its_value(kind: str, seed: int, source: st.DataObject) -> None:
    column = pd.Series(source.draw(st.lists(KINDS[kind], min_size=2, max_size=30)))
    cells = np.array(source.draw(st.lists(st.booleans(), min_size=len(column), max_size=len(column))))
    for draw in (redraw.A, redraw.B):
        after = redraw.redraw(column, cells, draw, np.random.default_rng(seed))
        assert after.dtype == column.dtype
        assert (after[~cells] == column[~cells]).all()
        assert (after[cells] != column[cells]).all()


def test_redrawn_values_keep_to_the_declared_or_shown_range() -> None:
    rng = np.random.default_rng(0)
    everything = np.ones(500, dtype=bool)
    for draw in (redraw.A, redraw.B):
        share = redraw.redraw(pd.Series(rng.random(500)), everything, draw, rng)
        assert share.between(0, 1).all()
        declared = redraw.redraw(pd.Series(rng.normal(20, 5, 500)), everything, draw, rng, (-10.0, 45.0))
        assert declared.between(-10, 45).all()
        counts = redraw.redraw(pd.Series(rng.integers(0, 900, 500)), everything, draw, rng)
        assert (counts >= 0).all()


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([True, False] * 20),
        pd.Series([True, False, None] * 14, dtype="boolean"),
        pd.Series([1, 2, None] * 14, dtype="Int64"),
        pd.Series(["a", "b", None] * 14, dtype="category"),
        pd.Series(pd.date_range("2024-01-01", periods=40)),
        pd.Series(list(pd.date_range("2024-01-01", periods=40).date), dtype=object),
        pd.Series(pd.to_timedelta(range(40), unit="h")),
        pd.Series([[n] for n in range(40)], dtype=object),
        pd.Series([f"N{n}" for n in range(40)]),
    ],
    ids=lambda column: f"{column.dtype}",
)
def test_columns_of_every_kind_are_redrawn(column: pd.Series) -> None:
    cells = np.arange(len(column)) % 2 == 0
    after = redraw.redraw(column, cells, redraw.A, np.random.default_rng(3))
    assert [str(value) for value in after[~cells]] == [str(value) for value in column[~cells]]
    assert all(str(one) != str(other) for one, other in zip(after[cells], column[cells]))
    assert after.dtype == column.dtype


def test_a_narrow_draw_changes_what_is_counted_and_leaves_what_is_unique_unique() -> None:
    rng = np.random.default_rng(1)
    columns = {
        "kinds": pd.Series(rng.choice(list("abcdefghij"), 400)),
        "words": pd.Series([f"order {number} came late" for number in range(400)]),
        "names": pd.Series([f"N{number}" for number in range(400)]),
    }
    cells = np.arange(400) >= 100
    after = {name: redraw.redraw(column, cells, redraw.A, rng) for name, column in columns.items()}
    assert all((after[name][cells] != column[cells]).all() for name, column in columns.items())
    assert after["kinds"][cells].nunique() == 2 and after["words"][cells].nunique() <= 50
    assert after["names"][cells].is_unique and set(after["kinds"]) <= set(columns["kinds"])
