"""Copies and near copies against rows that only look alike: tables as people really have them, and copies planted in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from tests.gates.subjects import HOURS, contract, found, seen
from workbench.gates.facts import Audit
from workbench.gates.leakage import duplicates, near_duplicates, overlap

ROWS = 2000
TIMELESS = {"target_time": None, "horizon": None, "label_known_after": None}
Draw = np.random.Generator
Honest = Callable[[Draw], Audit]
HONEST: dict[str, Honest] = {}
COPIED: dict[str, tuple[str, Honest]] = {}


def honest(build: Honest) -> Honest:
    HONEST[build.__name__] = build
    return build


def copied(rule: str) -> Callable[[Honest], Honest]:
    def register(build: Honest) -> Honest:
        COPIED[build.__name__] = (rule, build)
        return build

    return register


def shuffled(frame: pd.DataFrame) -> Audit:
    """Rows of their own identity, split at random: data without a time."""
    frame = frame.reset_index(drop=True)
    frame.insert(0, "id", np.arange(len(frame)))
    order = np.random.default_rng(0).permutation(len(frame))
    cut = int(0.8 * len(frame))
    return seen(frame, [(order[:cut], order[cut:])], contract(entity=["id"], target="y", **TIMELESS))


def cut(frame: pd.DataFrame, features: list[str] | None = None) -> Audit:
    """The last three tenths are the test."""
    at = frame["hour"].sort_values().iloc[int(0.7 * len(frame))]
    before = (frame["hour"] < at).to_numpy()
    return seen(frame, [(np.flatnonzero(before), np.flatnonzero(~before))], contract(target="y", features=features))


def numbers(draw: Draw, columns: int = 8) -> pd.DataFrame:
    hidden = draw.normal(size=(ROWS, 3))
    values = hidden @ draw.normal(size=(3, columns)) + 0.5 * draw.normal(size=(ROWS, columns))
    frame = pd.DataFrame(values * draw.uniform(1, 10, columns) + draw.uniform(0, 100, columns))
    return frame.rename(columns=lambda i: f"x{i}").assign(y=values[:, 0] + draw.normal(size=ROWS))


def by_minute(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(store="S", hour=pd.date_range("2024-01-01", periods=len(frame), freq="min", tz="UTC"))


def with_noise(draw: Draw, frame: pd.DataFrame, count: int, noise: float) -> Audit:
    rows = frame.iloc[:count].copy()
    columns = [name for name in frame.columns if name.startswith("x")]
    rows[columns] *= 1 + noise * draw.standard_normal((count, len(columns)))
    return shuffled(pd.concat([frame, rows], ignore_index=True))


@honest
def small_whole_numbers(draw: Draw) -> Audit:
    return shuffled(pd.DataFrame(draw.integers(0, 5, (ROWS, 6)), columns=list("abcdef")).assign(y=draw.integers(0, 2, ROWS)))


@honest
def one_hot_columns_and_an_age(draw: Draw) -> Audit:
    frame = pd.get_dummies(pd.Series(draw.integers(0, 12, ROWS)), prefix="c").astype(int)
    return shuffled(frame.assign(age=draw.integers(18, 90, ROWS), y=draw.integers(0, 2, ROWS)))


@honest
def one_hot_columns_and_a_price(draw: Draw) -> Audit:
    frame = pd.get_dummies(pd.Series(draw.integers(0, 12, ROWS)), prefix="c").astype(int)
    return shuffled(frame.assign(price=draw.lognormal(3, 1, ROWS).round(2), y=draw.integers(0, 2, ROWS)))


@honest
def orders_from_a_catalogue(draw: Draw) -> Audit:
    goods = pd.DataFrame({"price": draw.lognormal(3, 1, 400).round(2), "weight": draw.lognormal(1, 1, 400).round(3)})
    orders = goods.iloc[draw.integers(0, 400, ROWS)].reset_index(drop=True)
    return shuffled(orders.assign(y=(draw.random(ROWS) < 0.02).astype(int)))


@honest
def a_slow_sensor(draw: Draw) -> Audit:
    walk = draw.normal(0, 0.01, (ROWS, 5)).cumsum(axis=0)
    return cut(by_minute(pd.DataFrame(walk, columns=list("abcde")).assign(y=walk[:, 0])))


@honest
def a_machine_that_is_often_idle(draw: Draw) -> Audit:
    frame, idle = numbers(draw), draw.random(ROWS) < 0.3
    frame[idle] = frame.iloc[0].to_numpy() + draw.normal(0, 1e-4, (int(idle.sum()), frame.shape[1]))
    return cut(by_minute(frame))


@honest
def a_machine_that_is_seldom_idle(draw: Draw) -> Audit:
    frame, idle = numbers(draw), draw.random(ROWS) < 0.005
    frame[idle] = frame.iloc[0].to_numpy()
    return cut(by_minute(frame))


@honest
def balances_that_hardly_change(draw: Draw) -> Audit:
    customers, months = 200, 12
    frame = pd.DataFrame({"store": np.repeat(np.arange(customers), months)})
    frame["hour"] = np.tile(pd.date_range("2023-01-01", periods=months, freq="MS", tz="UTC"), customers)
    anew = (draw.random(len(frame)) < 0.03) | ~frame["store"].duplicated()
    frame["balance"] = pd.Series(draw.lognormal(7, 1, len(frame)).round(2)).where(anew).ffill()
    frame["income"] = frame["store"].map(pd.Series(draw.lognormal(8, 1, customers).round(2)))
    return cut(frame.assign(y=(draw.random(len(frame)) < 0.01).astype(int)))


@honest
def a_timetable_with_few_late_flights(draw: Draw) -> Audit:
    flights = pd.DataFrame({"leaves": draw.choice(1440, 200, replace=False) * 1.0, "miles": draw.integers(90, 2500, 200)})
    frame = pd.concat([flights.assign(day=day, store=draw.integers(0, 5, 200)) for day in range(20)], ignore_index=True)
    frame["hour"] = HOURS[0] + pd.to_timedelta(frame["day"], unit="D") + pd.to_timedelta(frame["leaves"], unit="min")
    return cut(frame.assign(y=(draw.random(len(frame)) < 0.002).astype(int)), features=["leaves", "miles"])


@honest
def continuous_numbers(draw: Draw) -> Audit:
    return shuffled(numbers(draw))


@honest
def two_continuous_numbers(draw: Draw) -> Audit:
    return shuffled(numbers(draw, 2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_tables_that_everybody_knows_hold_no_copies(name: str) -> None:
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame.rename(columns={"target": "y"})
    assert _said(shuffled(frame)) == {}


@copied("leakage/duplicates")
def copies_under_new_ids(draw: Draw) -> Audit:
    frame = numbers(draw)
    return shuffled(pd.concat([frame, frame.iloc[:60]], ignore_index=True))


@copied("leakage/duplicates")
def everything_twice(draw: Draw) -> Audit:
    return shuffled(pd.concat([numbers(draw)] * 2, ignore_index=True))


@copied("leakage/duplicates")
def few_cases_drawn_again_and_again(draw: Draw) -> Audit:
    frame = numbers(draw).assign(y=(draw.random(ROWS) < 0.05).astype(int))
    few = frame[frame["y"] == 1]
    return shuffled(pd.concat([frame, few.iloc[draw.integers(0, len(few), 1000)]], ignore_index=True))


@copied("leakage/duplicates")
def copies_of_coarse_rows(draw: Draw) -> Audit:
    frame = pd.DataFrame(draw.integers(0, 20, (ROWS, 10)), columns=list("abcdefghij")).assign(y=draw.integers(0, 2, ROWS))
    return shuffled(pd.concat([frame, frame.iloc[:100]], ignore_index=True))


@copied("leakage/duplicates")
def copies_of_rows_of_text(draw: Draw) -> Audit:
    frame = pd.DataFrame({name: draw.choice([f"{name}{i}" for i in range(40)], ROWS) for name in "abcdef"})
    frame["y"] = draw.integers(0, 2, ROWS)
    return shuffled(pd.concat([frame, frame.iloc[:100]], ignore_index=True))


@copied("leakage/near-duplicates")
def a_little_noise(draw: Draw) -> Audit:
    return with_noise(draw, numbers(draw), 100, 1e-4)


@copied("leakage/near-duplicates")
def more_noise(draw: Draw) -> Audit:
    return with_noise(draw, numbers(draw), 100, 1e-3)


@copied("leakage/near-duplicates")
def noise_in_rows_with_codes_and_classes(draw: Draw) -> Audit:
    frame = numbers(draw).assign(kind=draw.choice(list("abc"), ROWS), y=draw.integers(0, 2, ROWS))
    return with_noise(draw, frame, 100, 1e-4)


@copied("leakage/near-duplicates")
def a_rounded_export(draw: Draw) -> Audit:
    frame = numbers(draw)
    return shuffled(pd.concat([frame, frame.iloc[:100].round(2)], ignore_index=True))


@copied("leakage/near-duplicates")
def an_export_in_single_precision(draw: Draw) -> Audit:
    frame = numbers(draw)
    return shuffled(pd.concat([frame, frame.iloc[:100].astype("float32").astype(float)], ignore_index=True))


def _said(subject: Audit) -> dict[str, int | None]:
    findings = [finding for module in (overlap, duplicates, near_duplicates) for finding in found(module.rule, subject)]
    return {finding.rule: finding.rows for finding in findings if finding.severity != "note"}


@pytest.mark.parametrize("name", ["one_hot_columns_and_a_price", "a_machine_that_is_often_idle"])
def test_rows_that_look_alike_by_nature(name: str) -> None:
    assert _said(HONEST[name](np.random.default_rng(0))) == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", sorted(HONEST))
def test_nothing_is_said_of_honest_tables(name: str, seed: int) -> None:
    assert _said(HONEST[name](np.random.default_rng(seed))) == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", sorted(COPIED))
def test_planted_copies_are_found(name: str, seed: int) -> None:
    rule, build = COPIED[name]
    assert rule in _said(build(np.random.default_rng(seed)))
