"""Gate parity: what serving builds is held against what training used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.gates import shop
from tests.gates.probed import subject_of
from tests.gates.subjects import errors, found, running
from tests.gates.timeless import FILES, timeless
from tests.workspaces import SHOP_FEATURES
from workbench.gates.parity import live_row, served_row
from workbench.gates.parity.differing import cause, differs
from workbench.gates.rule import NotApplicable

FEATURES = '["lag_48h", "mean_23h", "price", "size", "hour_of_day"]'
SERVE = f"""
import pandas as pd

from pipelines.shop.features import build


def row(request, tables):
    hour = pd.to_datetime(request["hour"], utc=True).tz_localize(None)
    frame = build(tables)
    frame = frame[(frame["store"] == request["store"]) & (frame["hour"] == hour)]
    made = {{name: frame[name].iloc[0] for name in {FEATURES}}}
    return made
"""
ENTRY = ("[sources.sales]", 'serve = "pipelines.shop.online:row"\n\n[sources.sales]')


def served(directory: Path, code: str = SERVE, **parts: Any) -> Any:
    return running(directory, files={"pipelines/shop/online.py": code}, edits=[ENTRY], **parts)


def test_serving_with_the_features_stage_passes_and_costs_no_run_of_it(tmp_path: Path) -> None:
    with served(tmp_path) as subject:
        before = subject.pipeline.runs["fit"]
        assert found(served_row.rule, subject) == []
        assert subject.pipeline.runs["fit"] == before and subject.probes["test"][0] >= 14
        with pytest.raises(NotApplicable):
            found(live_row.rule, subject)


SKEWED = SERVE.replace(
    "    frame = build(tables)\n",
    '    sales = tables["sales"]\n    tables = {**tables, "sales": sales[sales["hour"] > hour - pd.Timedelta("80h")]}\n'
    "    frame = build(tables)\n",
).replace(
    "    return made\n",
    '    made.pop("price")\n'
    '    return {**made, "size": made["size"] * 1000, "hour_of_day": made["hour_of_day"] + 1, "lag_48h": None}\n',
)
SAID = {
    "size": "1000 times as much in each: another unit",
    "hour_of_day": "off by 1 in each",
    "lag_48h": "missing when served where training had a value",
    "price": "left out by the serve stage",
    "mean_23h": "another value when served",
}


def test_each_kind_of_skew_is_named(tmp_path: Path) -> None:
    features = SHOP_FEATURES.replace("shift(26).rolling(23, min_periods=1).mean()", "shift(26).ewm(halflife=60).mean()")
    with served(tmp_path, SKEWED, features=features) as subject:
        seen = {str(finding.column): finding for finding in errors(served_row.rule, subject)}
    assert set(seen) == set(SAID)
    for column, said in SAID.items():
        finding = seen[column]
        assert (finding.stage, finding.rule) == ("serve", "parity/served-row") and said in finding.message
        example = finding.evidence[0].examples[0]  # type: ignore[union-attr]
        assert {"store", "hour", "trained on", "served"} <= set(example) and finding.location is not None


def test_a_value_is_the_same_to_rounding_whatever_carries_it() -> None:
    left_out = object()
    column = pd.Series([0.1, np.nan, 3.0])
    assert not differs(column, 0, float(np.float32(0.1)), left_out) and not differs(column, 1, None, left_out)
    assert differs(column, 0, 0.1002, left_out) and differs(column, 1, 0.0, left_out) and differs(column, 2, None, left_out)
    assert not differs(column, 2, "3", left_out) and differs(column, 2, "L", left_out) and differs(column, 2, left_out, left_out)
    assert not differs(pd.Series(["a", "b"], dtype="category"), 1, "b", left_out)
    assert not differs(pd.Series([True, False]), 0, 1, left_out)
    assert not differs(pd.Series(pd.to_datetime(["2024-01-01"])), 0, "2024-01-01T00:00:00+00:00", left_out)
    assert "served as str" in cause([1.0, 2.0], ["S", "M"]) and "warm-up" in cause([1.0, 2.0], [1.001, 2.003])


@pytest.mark.slow
def test_a_serve_stage_that_reads_what_is_not_known_yet_fails_on_the_tables_it_gets(tmp_path: Path) -> None:
    code = SERVE.replace(
        "    return made\n",
        '    sales = tables["sales"]\n    now = sales[(sales["store"] == request["store"]) & (sales["hour"] == hour)]\n'
        '    return {**made, "price": made["price"] + 0 * float(now["units"].dropna().iloc[0])}\n',
    )
    with served(tmp_path, code) as subject:
        (finding,) = errors(served_row.rule, subject)
    assert "can't answer" in finding.message and "IndexError" in finding.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reads", "severities"),
    [
        ('hour = pd.Timestamp(request["hour"]).tz_localize(None)', []),
        ('hour = pd.Timestamp(request["hour"])', ["warning"]),
        ('hour = request["hour"] + pd.Timedelta("0h")', ["warning"]),
    ],
)
def test_a_stage_that_reads_times_in_a_form_of_its_own_is_compared_all_the_same(
    tmp_path: Path, reads: str, severities: list[str]
) -> None:
    code = SERVE.replace('hour = pd.to_datetime(request["hour"], utc=True).tz_localize(None)', reads)
    with served(tmp_path, code) as subject:
        assert [finding.severity for finding in found(served_row.rule, subject)] == severities


@pytest.mark.slow
def test_a_served_prediction_is_compared_as_well(tmp_path: Path) -> None:
    with served(tmp_path, SERVE.replace("    return made\n", '    return {"prediction": 1.5}\n')) as subject:
        (finding,) = found(served_row.rule, subject)
    assert finding.severity == "warning" and finding.column == "prediction"


def test_without_a_time_the_whole_tables_are_served(tmp_path: Path) -> None:
    for factor, count in (("1", 0), ("2", 1)):
        code = FILES["pipelines/shop/online.py"].replace("FACTOR", factor)
        with timeless(tmp_path / factor, {"pipelines/shop/online.py": code}) as subject:
            assert len(errors(served_row.rule, subject)) == count


def test_rows_still_to_come_are_built_or_it_is_said() -> None:
    def keeping(given: shop.Tables) -> pd.DataFrame:
        sales = given["sales"].sort_values(["store", "date"], ignore_index=True)
        return sales[["store", "date", "units"]].assign(lag_7=sales.groupby("store")["units"].shift(7))

    subject = subject_of(keeping)
    assert found(live_row.rule, subject) == [] and subject.probes["test"][0] > 0
    with pytest.raises(NotApplicable):
        found(served_row.rule, subject)
    (finding,) = found(live_row.rule, subject_of(shop.builder({})))
    assert finding.severity == "warning" and "no row for what is still to come" in finding.message
