"""Gate availability: source columns that are used before they are known."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.gates import shop
from tests.gates.probed import subject_of
from tests.gates.subjects import errors, found
from workbench.gates.availability import late_column, late_source
from workbench.gates.facts import Audit
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.pipeline.contract import Contract


def subject(*names: str, plan: bool = False) -> Audit:
    known = {name: feature for name, (feature, *_) in shop.LEAKS.items()} | shop.HONEST
    return subject_of(shop.builder({name: known[name] for name in names}), shop.contract(plan=plan))


def test_one_finding_for_each_source_column_whoever_reads_it() -> None:
    seen = {
        str(f.source): f
        for f in errors(late_source.rule, subject("publication_lag", "lag_shorter_than_horizon", "published_macro"))
    }
    assert set(seen) == {"macro.index", "sales.units"}
    macro, sales = seen["macro.index"], seen["sales.units"]
    assert (macro.lookahead, sales.lookahead) == ("10d", "24h")
    assert macro.column == "publication_lag" and "`macro.index` is used before anybody knows it" in macro.message
    assert "was over when the prediction was made" in macro.message
    proof = macro.evidence[-1].text  # type: ignore[union-attr]
    assert "sources.macro.columns.index.known_at = published (contract.toml" in proof
    assert "as of `published`" in macro.remedy and "by 1d (and the horizon)" in sales.remedy


@pytest.mark.parametrize("name", ["asof_nearest", "asof_forward", "latest_snapshot"])
def test_a_side_table_joined_by_what_comes_after(name: str) -> None:
    (finding,) = errors(late_source.rule, subject(name))
    assert finding.source == "status.grade" and "is joined to the entry of" in finding.message


def test_a_later_vintage_of_a_past_period() -> None:
    tables = shop.tables()
    revised = tables["macro"].assign(
        index=tables["macro"]["index"] + 1, published=tables["macro"]["published"] + pd.Timedelta(days=20)
    )
    tables["macro"] = pd.concat([tables["macro"], revised]).sort_values("published", kind="stable", ignore_index=True)

    def last_vintage(given: shop.Tables) -> pd.DataFrame:
        frame = shop.builder({})(given)
        last = given["macro"].dropna(subset=["period"]).groupby("period", as_index=False)["index"].last()
        # Periods of a month ago are out, in their first vintage.
        made = frame.assign(made=frame["date"] - pd.Timedelta(days=15), row=range(len(frame))).sort_values("made", kind="stable")
        joined = pd.merge_asof(made, last, left_on="made", right_on="period").sort_values("row")
        return frame.assign(x=joined["index"].to_numpy())

    (finding,) = errors(late_source.rule, subject_of(last_vintage, tables=tables))
    assert finding.source == "macro.index" and "was over when the prediction was made" in finding.message


@pytest.mark.parametrize("name", ["negative_shift", "full_history_mean", "backfill"])
def test_what_lies_in_the_future_is_the_features_gates_to_say(name: str) -> None:
    assert found(late_source.rule, subject(name)) == []


def test_honest_features_are_left_alone() -> None:
    names = [name for name in shop.HONEST if not shop.needs_plan(name)]
    seen = subject(*names)
    assert found(late_source.rule, seen) == [] and found(late_column.rule, seen) == []
    planned = subject("published_plan", plan=True)
    planned._base.frame = planned.frame.rename(columns={"published_plan": "price"})  # type: ignore[union-attr]
    assert found(late_column.rule, planned) == []


def test_a_late_column_handed_on_is_found_without_a_run_of_its_own() -> None:
    features = {"footfall": shop.LEAKS["future_covariate"][0], "temp": shop.HONEST["forward_fill"]}
    (finding,) = errors(late_column.rule, subject_of(shop.builder(features)))
    assert (finding.column, finding.source, finding.lookahead) == ("footfall", "sales.footfall", "4d")


def test_an_old_value_that_has_not_changed_since_is_no_late_one() -> None:
    tables = shop.tables()
    tables["sales"]["footfall"] = tables["sales"]["store"].str[-1].astype(float)

    def lagged(sales: pd.DataFrame, given: shop.Tables) -> pd.Series:
        return shop.by_store(sales, "footfall").shift(4).fillna(sales["store"].str[-1].astype(float))

    assert found(late_column.rule, subject_of(shop.builder({"footfall": lagged}), tables=tables)) == []


def test_what_the_features_gate_could_not_look_at_is_no_pass() -> None:
    total = shop.tables()["sales"]["units"].sum()

    def moody(given: shop.Tables) -> pd.DataFrame:
        if given["sales"]["units"].sum() != total:
            raise ValueError("not these tables")
        return shop.builder({})(given)

    with pytest.raises(NotExercised, match="features gate could not look"):
        found(late_source.rule, subject_of(moody))


def test_without_a_time_there_is_nothing_late() -> None:
    facts = shop.contract().model_dump(exclude_none=True, by_alias=True)
    facts["prediction"] = {"entity": ["store"], "target": "units"}
    timeless = subject_of(shop.builder({}), Contract.model_validate(facts))
    for rule in (late_source.rule, late_column.rule):
        with pytest.raises(NotApplicable):
            found(rule, timeless)
