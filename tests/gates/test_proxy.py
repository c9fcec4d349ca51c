"""Gate proxy: single features that tell the target, told apart from honest strength."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.gates import shop
from tests.gates.probed import subject_of
from tests.gates.subjects import found
from workbench.findings import Finding
from workbench.gates.facts import Audit
from workbench.gates.proxy import missing_values, row_order, strong_feature, target_copy
from workbench.gates.proxy.relation import Target, as_ordered, relation
from workbench.gates.rule import NotApplicable
from workbench.pipeline.contract import Contract

RULES = (target_copy.rule, row_order.rule, missing_values.rule, strong_feature.rule)
Make = Callable[[np.ndarray, np.random.Generator], Any]


def declared(kind: str) -> Contract:
    """A problem without time: facts about cases, an outcome `y`."""
    facts = shop.contract().model_dump(exclude_none=True, by_alias=True)
    del facts["sources"]
    prediction = {"entity": ["case"], "target": "y"}
    return Contract.model_validate({**facts, "kind": kind, "sources": {"cases": {"static": True}}, "prediction": prediction})


def cases(kind: str, features: dict[str, Make], rows: int = 1500, seed: int = 0) -> Audit:
    rng = np.random.default_rng(seed)
    skill = rng.normal(0, 1, rows)
    y = (
        np.exp(3 + 0.5 * skill + rng.normal(0, 0.4, rows))
        if kind == "regression"
        else (skill + rng.logistic(0, 0.6, rows) > 0.8) * 1
    )
    made = {name: make(y, rng) for name, make in features.items()}
    # Ages are whole, and honest: `skill` is what the outcome really comes from.
    frame = pd.DataFrame({"case": np.arange(rows), "y": y, "age": rng.integers(18, 80, rows), "skill": skill, **made})
    return subject_of(lambda given: given["cases"].copy(), declared(kind), {"cases": frame})


def all_findings(subject: Audit) -> list[Finding]:
    return [finding for rule in RULES for finding in found(rule, subject)]


LEAKS: dict[str, tuple[str, str, Make]] = {
    "copy": ("regression", "target-copy", lambda y, rng: y),
    "copy in another unit": ("regression", "target-copy", lambda y, rng: 1.19 * y + 3),
    "monotone map": ("regression", "target-copy", lambda y, rng: np.log1p(y) ** 3),
    "falling map": ("regression", "target-copy", lambda y, rng: 1 / (1 + y)),
    "rounded": ("regression", "target-copy", lambda y, rng: np.round(y)),
    "nearly a copy": ("regression", "target-copy", lambda y, rng: y * (1 + 1e-3 * rng.normal(size=len(y)))),
    "deciles": ("regression", "target-copy", lambda y, rng: pd.qcut(y, 10, labels=False)),
    "named bands": ("regression", "target-copy", lambda y, rng: np.array(list("acbd"))[np.digitize(y, [12, 20, 40])]),
    "above the median": ("regression", "target-copy", lambda y, rng: (y > np.median(y)) * 1),
    "shuffled codes of narrow bands": (
        "regression", "target-copy", lambda y, rng: rng.permutation(18)[pd.qcut(y, 18, labels=False)],
    ),
    "a copy with gaps": ("regression", "target-copy", lambda y, rng: np.where(rng.random(len(y)) < 0.3, np.nan, y)),
    "the class itself": ("binary", "target-copy", lambda y, rng: np.where(y == 1, "closed", "open")),
    "almost the class": ("binary", "target-copy", lambda y, rng: np.where(rng.random(len(y)) < 0.001, 1 - y, y)),
    "a number that a threshold cuts": ("binary", "target-copy", lambda y, rng: y * 5 + rng.uniform(0, 4, len(y))),
    "rank as a row number": ("regression", "row-order", lambda y, rng: pd.Series(y).rank(method="first").astype(int)),
    "numbered after sorting by class": ("binary", "row-order", lambda y, rng: pd.Series(y).rank(method="first").astype(int)),
    "names with such a number": (
        "binary", "row-order", lambda y, rng: "case-" + pd.Series(y).rank(method="first").astype(int).astype(str).str.zfill(5),
    ),
    "written when it happened": ("binary", "missing-values", lambda y, rng: np.where(y == 1, rng.normal(size=len(y)), np.nan)),
    "a reason for most of them": (
        "binary", "missing-values", lambda y, rng: np.where((y == 1) & (rng.random(len(y)) < 0.6), "late", None),
    ),
    "missing where the outcome is high": (
        "regression", "missing-values", lambda y, rng: np.where(y > np.quantile(y, 0.7), np.nan, rng.normal(size=len(y))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKS)
def test_proxies_of_a_problem_without_time_are_errors(name: str) -> None:
    kind, wanted, make = LEAKS[name]
    seen = {(f.rule, f.column) for f in all_findings(cases(kind, {"x": make})) if f.severity == "error"}
    assert (f"proxy/{wanted}", "x") in seen and {column for _, column in seen} == {"x"}


HONEST: dict[str, tuple[str, Make]] = {
    "noise": ("regression", lambda y, rng: rng.normal(size=len(y))),
    "a constant": ("regression", lambda y, rng: np.ones(len(y))),
    "nothing at all": ("regression", lambda y, rng: np.full(len(y), np.nan)),
    "an identifier": ("binary", lambda y, rng: rng.permutation(len(y))),
    "an identifier as text": ("binary", lambda y, rng: [f"u{n}" for n in rng.permutation(len(y))]),
    "identifiers without numbers": ("binary", lambda y, rng: [hex(n) for n in rng.integers(2**40, 2**44, len(y))]),
    "the row number": ("regression", lambda y, rng: np.arange(len(y))),
    "a last value with R2 .98": ("regression", lambda y, rng: y * np.exp(0.14 * np.log(y).std() * rng.normal(size=len(y)))),
    "price of the same thing": ("regression", lambda y, rng: y * np.exp(0.3 * rng.normal(size=len(y)))),
    "missing at random": ("binary", lambda y, rng: np.where(rng.random(len(y)) < 0.4, np.nan, rng.normal(size=len(y)))),
    "missing more often with it": ("binary", lambda y, rng: np.where(rng.random(len(y)) < 0.2 + 0.6 * y, np.nan, 1.0)),
    "a treatment that works": ("regression", lambda y, rng: np.where(rng.random(len(y)) < 0.5, "on", "off")),
    "tiers that overlap": (
        "regression", lambda y, rng: np.digitize(y * np.exp(0.2 * rng.normal(size=len(y))), [10, 20, 40]),
    ),
    "a strong flag": ("binary", lambda y, rng: np.where(rng.random(len(y)) < 0.06, 1 - y, y)),
    "salaries, nearly unique": ("regression", lambda y, rng: rng.integers(20_000, 200_000, len(y))),
    "dates": ("regression", lambda y, rng: pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 900, len(y)), unit="D")),
}  # fmt: skip


def test_honest_features_are_no_errors_however_strong() -> None:
    for kind in ("regression", "binary"):
        features = {name.replace(" ", "_"): make for name, (of, make) in HONEST.items() if of == kind}
        seen = all_findings(cases(kind, features))
        assert [f.message for f in seen if f.severity == "error"] == []
        assert {f.column for f in seen} <= {"a_last_value_with_R2_.98", "a_strong_flag"}


@pytest.mark.parametrize("rows", [60, 120, 300])
@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_many_features_of_few_rows_are_not_strong_by_luck(kind: str, rows: int) -> None:
    features: dict[str, Make] = {f"n{i}": lambda y, rng: rng.normal(size=len(y)) for i in range(30)}
    features |= {f"c{i}": lambda y, rng: rng.choice(list("abcd"), len(y)) for i in range(10)}
    assert [f.message for f in all_findings(cases(kind, features, rows=rows, seed=rows))] == []


def test_a_facts_of_each_patient_repeated_over_visits_is_no_copy() -> None:
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(150), 10)
    ill = rng.integers(0, 2, 150)
    frame = pd.DataFrame({"case": np.arange(1500), "y": ill[patient], "height": rng.normal(170, 9, 150)[patient]})
    subject = subject_of(lambda given: given["cases"].copy(), declared("binary"), {"cases": frame})
    assert all_findings(subject) == []


def test_a_separated_class_of_few_rows_is_a_warning_at_most() -> None:
    # Of the classic 150 iris flowers one kind is told from the others by its petals alone.
    rng = np.random.default_rng(1)
    petal = np.concatenate([rng.normal(1.5, 0.17, 50), rng.normal(4.9, 0.8, 100)])
    frame = pd.DataFrame({"case": rng.permutation(150), "y": np.repeat([1, 0], [50, 100]), "petal": petal.round(1)})
    subject = subject_of(lambda given: given["cases"].copy(), declared("binary"), {"cases": frame.sample(frac=1, random_state=0)})
    assert {f.severity for f in all_findings(subject)} <= {"warning"}


def test_strength_is_a_warning_with_its_number() -> None:
    kind, make = HONEST["a last value with R2 .98"]
    (finding,) = found(strong_feature.rule, cases(kind, {"x": make}))
    assert finding.severity == "warning" and "`x` alone tells 9" in finding.message


def test_with_time_the_as_of_test_tells_copies_from_slow_series() -> None:
    tables = shop.tables()
    tables["sales"]["units"] = tables["sales"]["units"].rank(method="first")
    tables["stores"]["size"] = range(len(tables["stores"]))

    def copy(sales: pd.DataFrame, given: shop.Tables) -> pd.Series:
        return np.sqrt(sales["units"])

    subject = subject_of(shop.builder({"copied": copy, "lagged": shop.HONEST["lag_of_horizon_and_latency"]}), tables=tables)
    seen = [f for f in all_findings(subject) if f.severity in ("error", "warning")]
    assert [(f.rule, f.column, f.severity) for f in seen] == [("proxy/target-copy", "copied", "error")]
    # Levels that hardly ever change: the newest known value is the next one, and honest.
    tables["sales"]["units"] = (
        tables["sales"].groupby("store").cumcount() // 40 + tables["sales"]["store"].factorize()[0] * 7.0
    ) * 3
    subject = subject_of(shop.builder({"lagged": shop.HONEST["lag_of_horizon_and_latency"]}), tables=tables)
    assert {f.severity for f in all_findings(subject)} <= {"note"}


def test_a_column_declared_known_that_is_the_target_is_an_error_all_the_same() -> None:
    tables = shop.tables()
    tables["sales"]["price"] = tables["sales"]["units"] + np.random.default_rng(0).uniform(0, 0.01, len(tables["sales"]))
    subject = subject_of(shop.builder({"price": lambda sales, given: sales["price"]}), shop.contract(plan=True), tables)
    (finding,) = [f for f in all_findings(subject) if f.column == "price"]
    assert finding.severity in ("error", "warning") and "declares it as always known" in finding.message
    tables["sales"]["price"] = 2 * tables["sales"]["units"]
    subject = subject_of(shop.builder({"price": lambda sales, given: sales["price"]}), shop.contract(plan=True), tables)
    assert [(f.column, f.severity) for f in all_findings(subject)] == [("price", "error")]


def test_honest_features_of_the_shop_are_left_alone() -> None:
    names = [name for name in shop.HONEST if not shop.needs_plan(name)]
    subject = subject_of(shop.builder({name: shop.HONEST[name] for name in names}), shop.contract(plan=False))
    assert all_findings(subject) == []


def test_too_few_outcomes_say_nothing() -> None:
    with pytest.raises(NotApplicable, match="too few for any statistics"):
        all_findings(cases("regression", {}, rows=30))


def test_columns_of_any_kind_have_an_order_or_none() -> None:
    assert as_ordered(pd.Series(["a", "b"] * 40)) is None
    assert as_ordered(pd.Series([f"x{n}" for n in range(40)])) is not None
    assert as_ordered(pd.Series(pd.Categorical([3, 1, 2]))) is not None
    mixed = pd.Series([None, "a", 3, 2.5, True] * 30, dtype=object)
    target = Target.of(np.arange(150, dtype="float64"), quantity=True)
    assert relation(mixed, target, np.random.default_rng(0)).kind in ("weak", "strong")
