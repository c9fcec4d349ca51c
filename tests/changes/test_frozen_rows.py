"""Checks that are loosened: bad rows that were refused and are taken, and facts that a contract asks less of."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.changes.running import P, Running, seen, swapped
from tests.workspaces import SHOP_CONTRACT, make_workspace
from workbench.changes.frozen import bad_rows, good_rows, loosened, loosened_facts
from workbench.pipeline.contract import Contract, load_contract

CHECKED = swapped(SHOP_CONTRACT, ("[stages]\n", '[stages]\nvalidate = "pipelines.shop.check:check"\n'))
CHECK = """\
LIMIT = 100


def check(tables):
    sales = tables["sales"]
    if sales.duplicated(["store", "hour"]).any():
        raise ValueError("sales twice")
    if (sales["units"].abs() > LIMIT).any():
        raise ValueError("units")
    prices = tables["prices"]
    return {**tables, "prices": prices[prices["price"].notna()]}
"""


def contract(place: Path, *edits: tuple[str, str]) -> Contract:
    return load_contract(make_workspace(place, edits=edits), "shop")


def test_the_rows_are_the_same_each_time_and_named(tmp_path: Path) -> None:
    tables = {"sales": pd.DataFrame({"store": ["A", "B"] * 3, "units": range(6)}), "other": pd.DataFrame({"x": [1]})}
    given = contract(tmp_path)
    first, second = (list(bad_rows(given, good_rows(tables))) for _ in range(2))
    assert [bad.words for bad in first] == [bad.words for bad in second] and len(first) == len({bad.words for bad in first})
    assert all(one.tables["sales"].equals(other.tables["sales"]) for one, other in zip(first, second))
    words = [bad.words for bad in first]
    assert "rows of `sales` that are there twice" in words and "values far out of range in `sales`.`units`" in words
    assert "values never seen before in `sales`.`store`" in words and not any("`other`" in text for text in words)


def test_less_strict_is_a_loosening_and_stricter_is_none() -> None:
    before = {"a": "refused", "b": "dropped", "c": "taken", "d": "refused", "e": "refused"}
    after = {"a": "taken", "b": "refused", "c": "refused", "d": "dropped", "e": "refused"}
    found = loosened(before, after)  # type: ignore[arg-type]
    assert [one.what for one in found] == ["bad rows: a", "bad rows: d"] and {one.kind.value for one in found} == {"contract"}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("min = 0.0", "min = -5.0", "min"), ("max = 9.0", "", "max none"), ('type = "number"', "", "type any"),
        ("unique = true", "unique = false", "repeat"), ("max_null_rate = 0.1", "max_null_rate = 0.2", "missing"),
        ("categories = [1, 2]", "categories = [1, 2, 3]", "categories"),
    ],
)  # fmt: skip
def test_a_fact_that_asks_less_is_said_and_one_that_asks_more_is_not(tmp_path: Path, before: str, after: str, words: str) -> None:
    declared = 'price = { known = "always" }'
    was, now = (
        contract(tmp_path / name, (declared, declared.replace(" }", f", {fact} }}") if fact else declared))
        for name, fact in (("was", before), ("now", after))
    )
    found = loosened_facts(was, now)
    assert len(found) == 1 and words in found[0].reason and "`prices`" in found[0].reason
    assert not loosened_facts(now, was)


@pytest.mark.slow
def test_checks_that_were_loosened_are_named_by_the_rows_that_pass(tmp_path: Path) -> None:
    running = Running(tmp_path, contract=CHECKED, files={P + "check.py": CHECK})
    found = seen(running.judged({P + "check.py": CHECK.replace("LIMIT = 100", "LIMIT = 1e9")}))
    assert set(found) == {"contract"} and "values far out of range in `sales`.`units`" in found["contract"]
    found = seen(running.judged({P + "check.py": CHECK.replace('raise ValueError("sales twice")', "pass")}))
    assert set(found) == {"contract"} and "there twice" in found["contract"]
    found = seen(running.judged({P + "check.py": CHECK.replace('prices[prices["price"].notna()]', "prices")}))
    assert set(found) == {"contract"} and "were dropped are taken" in found["contract"]
    assert not seen(running.judged({P + "check.py": CHECK.replace("LIMIT = 100", "LIMIT = 90")}))
