"""The rule on a corpus of small leaks and look-alikes (`shop.py`), and on what must never count as a pass."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.gates import shop
from workbench.findings import Finding, MovedCell, Rows
from workbench.gates.leakage import future_feature
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.pipeline.contract import Contract


def by_column(found: list[Finding]) -> dict[str | None, list[Finding]]:
    columns: dict[str | None, list[Finding]] = {}
    for finding in found:
        columns.setdefault(finding.column, []).append(finding)
    return columns


@pytest.fixture(scope="module")
def leaks() -> dict[str | None, list[Finding]]:
    features = {name: feature for name, (feature, _, _) in shop.LEAKS.items()}
    return by_column(shop.examined(shop.builder(features)))


@pytest.mark.parametrize("name", shop.LEAKS)
def test_a_leak_is_found_and_traced_to_its_source(name: str, leaks: dict[str | None, list[Finding]]) -> None:
    _, source, lookahead = shop.LEAKS[name]
    assert name in leaks
    finding = leaks[name][0]
    assert (finding.severity, finding.stage, finding.source) == ("error", "features", source)
    if lookahead is not None:
        assert finding.lookahead == lookahead
    assert finding.rows and finding.rows > 0
    proof = finding.evidence[0]
    assert isinstance(proof, MovedCell)
    assert proof.before != proof.after
    assert proof.prediction_time is not None
    # Most rows show what they read at their own cut; the one that reads farthest may stand well before it.
    assert pd.Timestamp(proof.prediction_time) <= pd.Timestamp(proof.cutoff)
    assert pd.Timedelta(finding.lookahead) > pd.Timedelta(0)


@pytest.mark.parametrize("plan", [True, False], ids=["plan", "events"])
@pytest.mark.parametrize("stores", [4, pytest.param(12, marks=pytest.mark.slow)])
def test_no_honest_feature_is_flagged(plan: bool, stores: int) -> None:
    features = {name: feature for name, feature in shop.HONEST.items() if plan or not shop.needs_plan(name)}
    found = shop.examined(shop.builder(features), shop.tables(stores), shop.contract(plan=plan))
    assert [finding.message for finding in found] == []


def test_leaks_within_the_horizon_are_found_where_days_to_come_are_not_in_the_plan() -> None:
    names = ("lag_shorter_than_horizon", "label_latency", "future_covariate", "visits_of_the_day", "count_of_all_visits")
    features = {name: shop.LEAKS[name][0] for name in names}
    found = shop.errors(shop.examined(shop.builder(features), facts=shop.contract(plan=False)))
    assert {finding.column: finding.source for finding in found} == {name: shop.LEAKS[name][1] for name in names}


def test_an_honest_column_beside_leaking_ones_is_not_flagged(leaks: dict[str | None, list[Finding]]) -> None:
    assert "lag_7" not in leaks


def test_the_message_names_row_cell_and_reach() -> None:
    found = shop.examined(shop.builder({"x": shop.LEAKS["label_latency"][0]}))
    finding = found[0]
    assert finding.message.startswith("`x` at S")
    assert "reads `sales.units` up to 3 d after the prediction." in finding.message
    assert "3d" in finding.remedy and "`sales.units`" in finding.remedy
    assert finding.rule == future_feature.rule.id == "leakage/future-feature"


def test_many_entities_are_cut_on_their_own_and_a_leak_of_one_is_found() -> None:
    def one_store(sales, given):
        ahead = shop.by_store(sales).shift(-1)
        return np.where((sales["store"] == "S07") & sales["date"].dt.day.between(20, 26), ahead, shop.forget(sales))

    found = shop.examined(shop.builder({"x": one_store}), shop.tables(stores=12))
    assert [(finding.column, finding.source) for finding in shop.errors(found)] == [("x", "sales.units")]


def test_an_entity_may_depend_on_what_was_known_of_the_others() -> None:
    def mean_of_all(sales, given):
        known = shop.forget(sales)
        return known.groupby(sales["date"]).transform("mean")

    found = shop.examined(shop.builder({"x": mean_of_all}), shop.tables(stores=12))
    assert found == []


def test_what_differs_between_two_runs_is_never_passed() -> None:
    rng = np.random.default_rng()
    found = shop.errors(shop.examined(shop.builder({"x": lambda sales, given: rng.normal(size=len(sales))})))
    assert [finding.column for finding in found] == ["x"]
    assert "isn't the same in two runs" in found[0].message


def test_rounding_noise_of_the_pipeline_itself_is_measured_and_allowed_for() -> None:
    rng = np.random.default_rng()

    def trembling(sales, given):
        return shop.forget(sales) * (1 + 1e-12 * rng.normal(size=len(sales)))

    assert shop.errors(shop.examined(shop.builder({"x": trembling}))) == []


def test_a_leak_behind_a_huge_sentinel_is_found() -> None:
    def sentinel(sales, given):
        return shop.by_store(sales).shift(2).where(sales["date"].dt.day > 20, 1e15)

    assert [finding.column for finding in shop.errors(shop.examined(shop.builder({"x": sentinel})))] == ["x"]


def test_rows_chosen_by_the_future_are_a_finding() -> None:
    base = shop.builder({})

    def build(given):
        frame = base(given)
        return frame[frame["units"] <= frame.groupby("store")["units"].transform("quantile", 0.9)]

    found = [finding for finding in shop.errors(shop.examined(build)) if finding.column is None]
    assert len(found) == 1
    assert "Which rows the feature frame has depends on the future" in found[0].message
    assert isinstance(found[0].evidence[0], Rows)


def test_a_stage_that_refuses_missing_values_is_asked_more_gently() -> None:
    base = shop.builder({})

    def strict(given):
        if given["sales"]["units"].isna().any():
            raise ValueError("units are missing")
        return base(given)

    found = shop.examined(strict)
    assert shop.errors(found) == []
    assert [finding.severity for finding in found] == ["note"]
    assert "units are missing" in found[0].message


def test_a_strict_stage_with_a_leak_is_still_caught() -> None:
    base = shop.builder({"x": shop.LEAKS["negative_shift"][0]})

    def strict(given):
        if given["sales"]["units"].isna().any():
            raise ValueError("units are missing")
        return base(given)

    assert [finding.source for finding in shop.errors(shop.examined(strict))] == ["sales.units"]


def test_a_stage_that_fails_in_every_other_world_is_not_passed() -> None:
    given, base = shop.tables(), shop.builder({})

    def brittle(world):
        if not world["sales"].equals(given["sales"]):
            raise ValueError("these are not the sales I know")
        return base(world)

    with pytest.raises(NotExercised, match="not the sales I know"):
        shop.examined(brittle, given)


def test_nothing_to_look_at_is_not_passed() -> None:
    base = shop.builder({})
    with pytest.raises(NotExercised, match="empty"):
        shop.examined(lambda given: base(given).iloc[:0])
    with pytest.raises(NotExercised, match="constant"):
        shop.examined(lambda given: base(given).assign(lag_7=1.0))
    with pytest.raises(NotExercised, match="no column `missing`"):
        shop.examined(base, facts=shop.contract(features=["missing"]))
    with pytest.raises(NotExercised, match="different rows"):
        rng = np.random.default_rng()
        shop.examined(lambda given: base(given).sample(frac=0.9, random_state=int(rng.integers(1 << 30))))


def test_a_contract_by_which_all_is_known_beforehand_is_not_passed() -> None:
    facts = shop.contract().model_dump(by_alias=True)
    facts["sources"] = {name: {"static": True} for name in facts["sources"]}
    with pytest.raises(NotExercised, match="known beforehand"):
        shop.examined(shop.builder({}), facts=Contract.model_validate(facts))


def test_pending_rows_that_never_show_are_not_passed() -> None:
    given, base = shop.tables(), shop.builder({})

    def evasive(world):
        # Leaves out the rows that would be served: those from the first day on that isn't what it was.
        changed = ~world["sales"]["units"].eq(given["sales"]["units"])
        frame = base(world)
        return frame[frame["date"] < world["sales"]["date"][changed].min()] if changed.any() else frame

    with pytest.raises(NotExercised, match="served live"):
        shop.examined(evasive, given)


def test_a_use_case_without_time_has_no_subject_here() -> None:
    facts = shop.contract().model_dump(by_alias=True)
    facts["prediction"] = {"entity": ["store"], "target": "units"}
    audit = SimpleNamespace(contract=Contract.model_validate(facts))
    with pytest.raises(NotApplicable):
        future_feature.check(audit)  # type: ignore[arg-type]


def test_columns_that_are_no_features_are_noted_only() -> None:
    found = shop.examined(shop.builder({"x": shop.LEAKS["label_latency"][0]}), facts=shop.contract(features=["lag_7"]))
    assert [(finding.column, finding.severity) for finding in found] == [("x", "note")]


def test_a_label_declared_known_too_early_is_a_warning() -> None:
    found = shop.examined(shop.builder({}), facts=shop.contract(label_known_after="0h"))
    assert [(finding.column, finding.severity) for finding in found] == [("units", "warning")]


def test_one_hot_columns_of_categories_to_come_are_honest() -> None:
    base = shop.builder({})

    def build(given):
        frame = base(given)
        grade = given["status"].groupby("store")["grade"].first()
        kind = np.where(frame["date"] > frame["date"].max() - pd.Timedelta(days=5), "new", "old")
        codes = pd.get_dummies(pd.Series(kind, index=frame.index).where(frame["store"].map(grade) > 0, "none"), prefix="kind")
        return pd.concat([frame, codes], axis=1)

    found = shop.errors(shop.examined(build))
    # The last five days of the series: which days these are is only known at its end.
    assert {finding.column for finding in found} == {"kind_new", "kind_old"}

    def fixed(given):
        frame = base(given)
        kind = pd.Series(np.where(frame["date"] >= pd.Timestamp("2024-04-20"), "new", "old"), index=frame.index)
        return pd.concat([frame, pd.get_dummies(kind, prefix="kind")], axis=1)

    assert shop.errors(shop.examined(fixed)) == []


def test_arrivals_known_when_another_column_says_so() -> None:
    rng = np.random.default_rng(5)
    given = shop.tables()
    sales = given["sales"].rename(columns={"footfall": "counted"})
    sales["counted"] = sales["counted"].astype("float64")
    sales["counted_at"] = sales["date"] + pd.to_timedelta(rng.integers(20, 60, len(sales)), unit="h")
    never = rng.random(len(sales)) < 0.05
    sales.loc[never, ["counted", "counted_at"]] = [np.nan, pd.NaT]
    given["sales"] = sales
    facts = shop.contract(plan=False).model_dump(by_alias=True)
    facts["sources"]["sales"]["columns"] = {"counted": {"known_at": "counted_at"}}
    contract = Contract.model_validate(facts)

    def honest_lag(sales, given):
        return sales.groupby("store")["counted"].shift(6)

    def one_day_short(sales, given):
        return sales.groupby("store")["counted"].shift(4)

    def minutes_needed(sales, given):
        return (sales["counted_at"] - sales["date"]).dt.total_seconds()

    features = {"honest": honest_lag, "short": one_day_short, "arrival": minutes_needed}
    found = by_column(shop.errors(shop.examined(shop.builder(features), given, contract)))
    assert {name: finding[0].source for name, finding in found.items()} == {
        "short": "sales.counted",
        "arrival": "sales.counted_at",
    }


def test_times_written_as_text_in_a_local_zone() -> None:
    given = shop.tables(days=55)  # up to the week before clocks change: three days are 72 hours
    given["sales"]["date"] = given["sales"]["date"].dt.strftime("%Y-%m-%d")
    facts = shop.contract().model_dump(by_alias=True)
    for source in facts["sources"].values():
        if source["time"]:
            source["zone"] = "America/New_York"
    features = {"leak": shop.LEAKS["lag_shorter_than_horizon"][0], "fine": shop.HONEST["trailing_rolling"]}
    found = shop.errors(shop.examined(shop.builder(features), given, Contract.model_validate(facts)))
    assert [(finding.column, finding.source, finding.lookahead) for finding in found] == [("leak", "sales.units", "24h")]


def test_two_columns_name_an_entity() -> None:
    rng = np.random.default_rng(8)
    given = shop.tables()
    halves = [given["sales"].assign(shelf=shelf) for shelf in (1, 2)]
    sales = pd.concat(halves, ignore_index=True).sort_values("date", kind="stable", ignore_index=True)
    sales["units"] = rng.gamma(2, 5, len(sales)).round(2)
    given["sales"] = sales

    def build(world):
        rows = world["sales"].sort_values(["store", "shelf", "date"], ignore_index=True)
        frame = rows[["store", "shelf", "date", "units"]].copy()
        groups = rows.groupby(["store", "shelf"])["units"]
        return frame.assign(fine=groups.shift(5), leak=groups.shift(2)).dropna(subset=["units"])

    found = shop.errors(shop.examined(build, given, shop.contract(entity=["store", "shelf"])))
    assert [(finding.column, finding.lookahead) for finding in found] == [("leak", "2d")]
    proof = found[0].evidence[0]
    assert isinstance(proof, MovedCell) and set(proof.entity) == {"store", "shelf"}


def test_the_same_audit_twice_says_the_same() -> None:
    build = shop.builder({"x": shop.LEAKS["mean_fill"][0]})
    first, second = (shop.examined(build) for _ in range(2))
    assert [finding.model_dump() for finding in first] == [finding.model_dump() for finding in second]
