from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gates.subjects import errors, found, seen, shop_frame
from workbench.gates.facts import Audit
from workbench.gates.rule import NotApplicable
from workbench.gates.schema import categories, freshness, null_rate, range, renamed, rescaled, retyped, type, unique
from workbench.gates.schema.drift import explain_missing, missing_columns, name_likeness
from workbench.gates.schema.profile import Profile, profile, profile_column, value_hashes
from workbench.pipeline.contract import Contract


def _contract(columns: dict[str, Any]) -> Contract:
    from tests.gates.subjects import contract

    facts = contract().model_dump(by_alias=True, exclude_none=True)
    return Contract.model_validate(facts | {"sources": {"sales": {"time": "hour", "columns": columns}}})


def _sales(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "hour": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "carrier": rng.choice(["AA", "B6", "DL", "UA", "WN"], rows, p=[0.4, 0.3, 0.15, 0.1, 0.05]),
            "distance": rng.gamma(3, 300, rows).round(),
            "delay": rng.normal(10, 20, rows).round(1),
            "flight": np.arange(1000, 1000 + rows),
            "late": rng.random(rows) < 0.2,
        }
    )


def _subject(sales: pd.DataFrame, columns: dict[str, Any] | None = None, reference: Profile | None = None) -> Audit:
    subject = seen(shop_frame().iloc[:4], [([0, 1], [2, 3])], _contract(columns or {}))
    subject.tables = {"sales": sales}
    subject.once("reference", lambda: reference)
    return subject


@pytest.mark.parametrize(
    ("rule", "facts", "column", "bad"),
    [
        (type.rule, {"type": "number"}, "distance", lambda s: s.astype(str)),
        (type.rule, {"type": "integer"}, "flight", lambda s: s + 0.5),
        (type.rule, {"type": "time"}, "hour", lambda s: s.astype(str)),
        (type.rule, {"type": "boolean"}, "late", lambda s: s.map({True: "yes", False: "no"})),
        (range.rule, {"min": 0, "max": 10_000}, "distance", lambda s: s.where(s.index != 3, -99)),
        (
            range.rule,
            {"min": "2024-01-01", "max": "2024-12-31"},
            "hour",
            lambda s: s.where(s.index != 3, pd.Timestamp("1970-01-01")),
        ),
        (categories.rule, {"categories": ["AA", "B6", "DL", "UA", "WN"]}, "carrier", lambda s: s.str.lower()),
        (unique.rule, {"unique": True}, "flight", lambda s: s.where(s != 1001, 1002)),
        (null_rate.rule, {"max_null_rate": 0.05}, "delay", lambda s: s.where(s > 0)),
    ],
)
def test_each_declared_fact_bites(rule: Any, facts: dict[str, Any], column: str, bad: Any) -> None:
    sales = _sales()
    assert found(rule, _subject(sales, {column: facts})) == []
    (finding,) = errors(rule, _subject(sales.assign(**{column: bad(sales[column])}), {column: facts}))
    assert finding.column == column and finding.source == f"sales.{column}" and finding.rows


@pytest.mark.parametrize(
    "rule", [type.rule, range.rule, categories.rule, unique.rule, null_rate.rule, renamed.rule, retyped.rule]
)
def test_nothing_declared_is_nothing_to_judge(rule: Any) -> None:
    with pytest.raises(NotApplicable):
        found(rule, _subject(_sales()))


def test_missing_values_make_no_other_type() -> None:
    sales = _sales()
    sales["flight"] = sales["flight"].astype(float).where(sales.index > 5)
    assert found(type.rule, _subject(sales, {"flight": {"type": "integer"}})) == []
    assert found(retyped.rule, _subject(sales, {}, profile({"sales": _sales()}))) == []


def test_a_renamed_column_is_named_with_its_proof() -> None:
    known = profile({"sales": _sales()})
    now = _sales().rename(columns={"carrier": "carrier_code"})
    (finding,) = errors(renamed.rule, _subject(now, {}, known))
    assert "`carrier` looks renamed to `carrier_code`: 100 % of values match" in finding.message
    (finding,) = errors(renamed.rule, _subject(_sales().drop(columns="delay"), {}, known))
    assert "no new column looks like it" in finding.message


def test_renames_are_told_apart_by_their_values() -> None:
    known = profile({"sales": _sales()})
    now = _sales().rename(columns={"distance": "q1", "delay": "q2", "flight": "q3", "hour": "q4"})
    renames = {r.column: r.to for r in explain_missing(_contract({}), {"sales": now}, known)}
    assert renames == {"distance": "q1", "delay": "q2", "flight": "q3", "hour": "q4"}


def test_a_rename_together_with_another_type() -> None:
    known = profile({"sales": _sales()})
    now = _sales().rename(columns={"hour": "hour_utc"})
    now["hour_utc"] = now["hour_utc"].dt.strftime("%Y-%m-%d %H:%M")
    (rename,) = explain_missing(_contract({}), {"sales": now}, known)
    assert (rename.to, rename.was, rename.now, rename.match) == ("hour_utc", "time", "string", 1.0)


def test_without_a_reference_names_decide_and_say_so() -> None:
    now = _sales().rename(columns={"hour": "hour_utc"})
    (rename,) = explain_missing(_contract({}), {"sales": now})
    assert rename.to == "hour_utc" and rename.by == "name" and "values were not compared" in rename.sentence
    assert missing_columns(_contract({}), {"sales": now}, None) == {"sales": ["hour"]}


def test_a_renamed_table() -> None:
    (rename,) = explain_missing(_contract({}), {"sales_v2": _sales()}, profile({"sales": _sales()}))
    assert rename.column == "" and rename.to == "sales_v2"


def test_a_retyped_column() -> None:
    now = _sales()
    now["hour"] = now["hour"].astype(str)
    now["flight"] = now["flight"].astype(str)
    findings = {f.column: f for f in errors(retyped.rule, _subject(now, {}, profile({"sales": _sales()})))}
    assert set(findings) == {"hour", "flight"}
    assert "100 % of the values are the same" in findings["flight"].message


@pytest.mark.parametrize(("factor", "words"), [(1.609344, "miles to kilometres"), (60, "hours to minutes"), (7.5, "7.5 times")])
def test_the_same_rows_in_another_unit(factor: float, words: str) -> None:
    now = _sales().assign(distance=_sales()["distance"] * factor)
    (finding,) = errors(rescaled.rule, _subject(now, {}, profile({"sales": _sales()})))
    assert finding.column == "distance" and words in finding.message


def test_other_rows_in_another_unit_are_a_warning_and_drift_is_neither() -> None:
    rng = np.random.default_rng(9)
    known = profile({"sales": _sales()})
    fahrenheit = _sales().assign(delay=(rng.normal(10, 20, 400) * 1.8 + 32).round(1))
    other = _sales().assign(distance=rng.gamma(3, 300, 400) * 60)
    assert [f.severity for f in found(rescaled.rule, _subject(other, {}, known))] == ["warning"]
    assert [f.severity for f in found(rescaled.rule, _subject(fahrenheit, {}, known)) if f.column == "delay"] in ([], ["warning"])
    drifted = _sales().assign(distance=rng.gamma(3, 330, 400).round(), delay=rng.normal(14, 22, 400).round(1))
    assert found(rescaled.rule, _subject(drifted, {}, known)) == []
    assert found(retyped.rule, _subject(drifted, {}, known)) == [] and found(renamed.rule, _subject(drifted, {}, known)) == []


def test_a_column_that_empties_is_a_warning() -> None:
    now = _sales()
    now["delay"] = now["delay"].where(now.index > 100)
    assert [f.severity for f in found(null_rate.rule, _subject(now, {}, profile({"sales": _sales()})))] == ["warning"]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(-5, 5), st.floats(allow_nan=True), st.text(max_size=3), st.booleans()), max_size=12)
)
def test_any_column_has_a_profile_that_survives_json(values: list[Any]) -> None:
    column = pd.Series(values, dtype=object)
    before = profile_column(column)
    assert type_of(before) == before
    assert before.rows == len(values)


def type_of(before: Any) -> Any:
    return before.__class__.model_validate_json(before.model_dump_json())


def test_values_hash_alike_whatever_carries_them() -> None:
    numbers = pd.Series([3, 1, 2, 2])
    same = [numbers.astype("float64"), numbers.astype(str), numbers.astype("Int64"), numbers.astype("category")]
    for other in same:
        assert np.array_equal(value_hashes(numbers, "number"), value_hashes(other, "number"))


def test_names() -> None:
    assert name_likeness("carrier", "carrier_code") >= 0.8
    assert name_likeness("timeHour", "time_hour") == 1.0
    assert name_likeness("tailnum", "visib") < 0.5


def _aged(max_age: str | None, reference: Profile | None = None, **edits: Any) -> Audit:
    """Two stores whose newest row is an hour old at their latest prediction."""
    from tests.gates.subjects import contract

    frame = shop_frame()
    facts = contract().model_dump(by_alias=True, exclude_none=True)
    sources = {"visits": {"time": "at", "columns": {}, **({"max_age": max_age} if max_age else {})}}
    subject = seen(frame, [([0, 1], [2, 3])], Contract.model_validate(facts | {"sources": sources}))
    last = frame["hour"].max() - pd.Timedelta("24h")
    visits = frame.loc[frame["hour"] < last, ["store", "hour"]].rename(columns={"hour": "at"})
    subject.tables = {"visits": visits.drop(columns=edits.get("drop", []))}
    if "stopped" in edits:
        old = (visits["store"] == edits["stopped"]) & (visits["at"] > last - pd.Timedelta("50h"))
        subject.tables = {"visits": visits[~old]}
    subject.once("reference", lambda: reference)
    return subject


def test_a_table_that_stops_for_one_entity_is_stale() -> None:
    assert found(freshness.rule, _aged("1h")) == []
    (finding,) = errors(freshness.rule, _aged("59min"))
    assert finding.source == "visits.at" and finding.rows == 2
    (finding,) = errors(freshness.rule, _aged("2d", stopped="S1"))
    assert "has stopped: of its rows of S1" in finding.message and finding.rows == 1
    assert found(freshness.rule, _aged("3d", stopped="S1")) == []
    assert found(freshness.rule, _aged("1h", drop=["store"])) == []


def test_a_table_that_ends_earlier_than_the_reference_is_a_warning() -> None:
    whole = _aged(None)
    known = profile(whole.tables)
    assert found(freshness.rule, _aged(None, known)) == []
    cut = _aged(None, known)
    cut.tables = {"visits": cut.tables["visits"][lambda visits: visits["at"] < visits["at"].max() - pd.Timedelta("5h")]}
    (finding,) = found(freshness.rule, cut)
    assert finding.severity == "warning" and "6h earlier" in finding.message
    with pytest.raises(NotApplicable):
        found(freshness.rule, whole)
