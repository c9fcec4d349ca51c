"""The contract: the format as designed is read, and whatever is wrong is said with its line and what to do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.workspaces import SHOP_CONTRACT, make_workspace
from workbench.errors import ContractError, ExitCode, UsageError
from workbench.pipeline.contract import Contract, Duration, load_contract, size_in_bytes, use_cases
from workbench.pipeline.toml_lines import line_index

DESIGNED = """\
name = "departures"
kind = "regression"                                  # regression | binary | multiclass

[stages]                                             # "module:callable", the workspace root on the import path
load     = "pipelines.departures.data:load"
features = "pipelines.departures.features:build"
split    = "pipelines.departures.split:folds"
fit      = "pipelines.departures.model:fit"
predict  = "pipelines.departures.model:predict"
metrics  = "pipelines.departures.metrics:score"
validate = "pipelines.departures.schema:validate"
serve    = "pipelines.departures.serving:answer"

[sources.flights]
time = "time_hour"
known_after = "0h"
zone = "America/New_York"
[sources.flights.columns]
sched_dep_time = { known = "always" }
dep_delay = { known_after = "3h" }
arr_delay = { known_at = "landed_at" }

[sources.airports]
static = true

[prediction]
entity = ["origin"]
target = "delay"
target_time = "target_hour"
horizon = "24h"
label_known_after = "2h"
groups = ["tailnum"]
features = ["lag_24h", "roll_7d"]

[metrics]
primary = "mae"
direction = "minimize"
baseline = "seasonal_naive"
margin = 0.02
[slices]
by = ["origin"]
max_regression = 0.05
[budgets]
latency_p95 = "50ms"
memory = "1GB"
cost_per_1k_predictions = 0.01
bias_gap = 0.2
"""


def contract_of(root: Path, text: str) -> Contract:
    name = re.search(r'^name = "(\w+)"', text, re.MULTILINE)
    folder = root / "pipelines" / (name[1] if name else "shop")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contract.toml").write_text(text)
    return load_contract(root, folder.name)


def refused(root: Path, text: str) -> tuple[str, str]:
    with pytest.raises(ContractError) as error:
        contract_of(root, text)
    assert error.value.code == ExitCode.USAGE and error.value.hint
    assert "\n" not in error.value.message
    return error.value.message, error.value.hint


def test_the_designed_contract_is_read(tmp_path: Path) -> None:
    contract = contract_of(tmp_path, DESIGNED)
    assert contract.stages.entries()["validate"] == "pipelines.departures.schema:validate"
    flights = contract.sources["flights"]
    assert (flights.time, flights.zone, flights.static) == ("time_hour", "America/New_York", False)
    assert flights.columns["sched_dep_time"].known == "always"
    assert flights.columns["arr_delay"].known_at == "landed_at"
    assert flights.columns["dep_delay"].known_after is not None
    assert flights.columns["dep_delay"].known_after.timedelta == pd.Timedelta("3h")
    assert contract.prediction.horizon is not None and contract.prediction.horizon.timedelta == pd.Timedelta("1D")
    assert contract.metrics is not None and contract.metrics.margin == 0.02
    assert contract.slices is not None and contract.slices.by == ["origin"]
    assert contract.budgets is not None and contract.budgets.latency_p95 is not None
    assert contract.budgets.latency_p95.nanoseconds == 50_000_000
    assert contract.path == "pipelines/departures/contract.toml"
    assert use_cases(tmp_path) == ["departures"]
    with pytest.raises(ValidationError):
        contract.name = "other"  # type: ignore[misc]


def test_lines_are_found(tmp_path: Path) -> None:
    contract = contract_of(tmp_path, DESIGNED)
    numbered = dict(enumerate(DESIGNED.splitlines(), start=1))
    for keys, start in {
        ("kind",): "kind",
        ("sources", "flights"): "[sources.flights]",
        ("sources", "flights", "time"): "time",
        ("sources", "flights", "columns", "dep_delay"): "dep_delay",
        ("sources", "flights", "columns", "dep_delay", "known_after"): "dep_delay",
        ("prediction", "horizon"): "horizon",
        ("budgets", "bias_gap"): "bias_gap",
    }.items():
        line = contract.line_of(*keys)
        assert line is not None and numbered[line].startswith(start), keys
    assert contract.line_of("sources", "flights", "nothing") is None


def test_lines_of_all_kinds_of_toml() -> None:
    text = '# one\n\n[a."b.c"]\nlong = """\n[x]\ny = 1\n"""\nlist = [\n  1, # ]\n  2,\n]\n'
    text += "d.e = { f = 1 }\n[[t]]\nk = 1\n[[t]]\nk = 2\n[z]"
    index = line_index(text)
    assert index[("a", "b.c")] == 3 and index[("a", "b.c", "long")] == 4 and index[("a", "b.c", "list")] == 8
    assert index[("a", "b.c", "d", "e", "f")] == 12 and index[("t", "k")] == 14 and index[("z",)] == 17
    assert ("x",) not in index


@pytest.mark.parametrize(
    ("old", "new", "line", "said", "hint"),
    [
        ('kind = "regression"', 'kind = "regresion"', "kind", '`kind` is "regresion"', '"regression", "binary" or "multiclass"'),
        ('kind = "regression"\n', "", 'name = "shop"', "`kind` is missing", 'kind = "regression"'),
        ('target = "units"\n', "", "[prediction]", "`prediction.target` is missing", "target ="),
        ('entity = ["store"]\n', "", "[prediction]", "`prediction.entity` is missing", "entity ="),
        ('entity = ["store"]', 'entity = "store"', "entity", '`prediction.entity` is "store"', "docs/contract.md"),
        ('load     = "pipelines.shop.data:load"\n', "", "[stages]", "`stages.load` is missing", "add it"),
        ('fit      = "pipelines.shop.model:fit"\n', "", "[stages]", "`stages.fit` is missing", "fit ="),
        ('metrics  = "pipelines.shop.metrics:score"\n', "", "[stages]", "`stages.metrics` is missing", "metrics ="),
        ('"pipelines.shop.data:load"', '"pipelines.shop.data.load"', "load ", '"module:callable"', ""),
        ('"pipelines.shop.data:load"', '"os:system(1)"', "load ", '"module:callable"', ""),
        ("horizon =", "horizont =", "horizont", "`horizont` is not a key of a contract in [prediction]", "`horizon`"),
        ("static = true", "statc = true", "statc", "`statc` is not a key", "`static`"),
        ("[slices]", "[slice]", "[slice]", "`slice` is not a key of a contract", "`slices`"),
        ("static = true", 'static = "yes"', "static", '`sources.stores.static` is "yes"', ""),
        ('known_after = "2h"\n[', 'known_after = "-2h"\n[', "known_after", "can't be negative", ""),
        ('horizon = "24h"', "horizon = 24", "horizon", "`prediction.horizon` is 24", ""),
        ('horizon = "24h"', 'horizon = "24"', "horizon", "not a duration", ""),
        ('horizon = "24h"', 'horizon = "1M"', "horizon", "`M` is not a unit of fixed length", ""),
        ('horizon = "24h"', 'horizon = "1MS"', "horizon", "`MS` is not a unit", ""),
        ('horizon = "24h"', 'horizon = ""', "horizon", "not a duration", ""),
        ("margin = 0.02", "margin = -0.1", "margin", "greater than or equal to 0", ""),
        ("margin = 0.02", "margin = nan", "margin", "`metrics.margin` is nan", ""),
        ('direction = "minimize"', 'direction = "down"', "direction", '`metrics.direction` is "down"', '"minimize" or'),
        ("by = [", "by = [] # [", "by", "`slices.by` is empty", ""),
        ('entity = ["store"]', 'entity = ["store", "store"]', "entity", "listed twice", ""),
        ('price = { known = "always" }', 'price = { known = "allways" }', "price", "columns.price.known", '"always"'),
        ('price = { known = "always" }', 'price = { knwn = "always" }', "price", "`knwn` is not a key", "`known`"),
        ('price = { known = "always" }', "price = { min = 3, max = 2 }", "price", "`min` above its `max`", ""),
        ('price = { known = "always" }', "price = { max_null_rate = 2 }", "price", "max_null_rate", ""),
        ('name = "shop"', 'name = "shop', 'name = "shop', "not valid TOML", ""),
        # Declared facts that contradict each other.
        ('name = "shop"', 'name = "store"', "name", "the folder is `shop`", 'name = "shop"'),
        ("static = true", 'static = true\ntime = "hour"', "time", "static and has `time`", ""),
        ("static = true", 'static = true\nknown_after = "0h"', "known_after", "static and has `known_after`", ""),
        ("static = true", 'static = true\nzone = "UTC"', "zone", "static and has `zone`", ""),
        ("static = true", 'static = true\ncolumns.size.known_after = "1h"', "columns.size", "`size` has `known_after`", ""),
        ("static = true", "static = false", "[sources.stores]", "neither `time` nor `static", ""),
        ('price = { known = "always" }', 'price = { known = "always", known_after = "1h" }', "price", "both `known` and", ""),
        ('price = { known = "always" }', 'price = { known = "always", known_at = "hour" }', "price", "and `known_at`", ""),
        ('price = { known = "always" }', 'price = { known_after = "1h", known_at = "hour" }', "price", "both `known_after`", ""),
        ('price = { known = "always" }', 'price = { known_at = "price" }', "price", "price → price", ""),
        ('price = { known = "always" }', 'price = { known_at = "x" }\nx = { known_at = "price" }', "price", "→ x → price", ""),
        ('known_after = "2h"\n[', 'known_after = "2h"\nzone = "Mars"\n[', "zone", "not an IANA time zone", "Europe/Zurich"),
        ('horizon = "24h"', 'horizon = "24h"\nzone = "Mars"', "zone", '`prediction.zone` is "Mars"', "Europe/Zurich"),
        ('horizon = "24h"', 'horizon = "24h"\nprediction_time = "made"', "prediction_time", "both say when", ""),
        ('horizon = "24h"\n', "", "target_time", "doesn't say when the prediction is made", 'horizon = "24h"'),
        ('target_time = "hour"\n', "", "horizon", "`prediction.horizon` is given without `target_time`", ""),
        ('"lag_48h", ', '"lag_48h", "units", ', "features", "names the target `units`", ""),
        ('entity = ["store"]', 'entity = ["units"]', "entity", "names the target", ""),
        ('target_time = "hour"', 'target_time = "units"', "target_time", "names the target", ""),
        ('load     = "', 'backtest = "pipelines.shop.a:b"\nload     = "', "features", "together with `stages.backtest`", ""),
        ('direction = "minimize"', 'direction = "maximize"', "direction", "`mae` is better the smaller", '"minimize"'),
        ('primary = "mae"', 'primary = "roc_auc"', "direction", "`roc_auc` is better the larger", ""),
        ('baseline = "mean"\n', "", "margin", "without a `baseline`", ""),
        ('baseline = "mean"', 'baseline = "meen"', "baseline", "not a baseline", "`mean`"),
        ('baseline = "mean"', 'baseline = "prior"', "baseline", "for classification", "mean, last_value"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, old: str, new: str, line: str, said: str, hint: str) -> None:
    assert old in SHOP_CONTRACT
    text = SHOP_CONTRACT.replace(old, new, 1)
    make_workspace(tmp_path, contract=text)
    if new == 'name = "store"':
        (tmp_path / "pipelines/shop/contract.toml").write_text(text)
    with pytest.raises(ContractError) as error:
        load_contract(tmp_path, "shop")
    found = re.fullmatch(r"pipelines/shop/contract\.toml:(\d+): (.*)", error.value.message)
    assert found, error.value.message
    assert text.splitlines()[int(found[1]) - 1].startswith(line), (found[1], error.value.message)
    assert said in found[2] and hint in error.value.hint, error.value
    assert error.value.code == ExitCode.USAGE and error.value.hint


def test_time_based_baselines_need_a_time(tmp_path: Path) -> None:
    timeless = SHOP_CONTRACT.replace('target_time = "hour"\nhorizon = "24h"\nlabel_known_after = "2h"\n', "")
    assert contract_of(tmp_path, timeless).prediction.target_time is None
    message, _ = refused(tmp_path, timeless.replace('baseline = "mean"', 'baseline = "seasonal_naive"'))
    assert "no `target_time`" in message


def test_several_wrong_things_are_counted(tmp_path: Path) -> None:
    message, hint = refused(tmp_path, SHOP_CONTRACT.replace('kind = "regression"', 'kid = "x"').replace("margin =", "margn ="))
    assert ":2: `kid` is not a key" in message or ": `kind` is missing" in message
    assert "2 more" in hint


def test_a_table_where_a_value_is_and_a_value_where_a_table_is(tmp_path: Path) -> None:
    message, hint = refused(tmp_path, 'sources = 3\nname = "shop"\nkind = "regression"\nstages = 1\nprediction = []')
    assert ":1: `sources` is 3" in message
    assert "more after this one" in hint
    message, _ = refused(tmp_path, SHOP_CONTRACT.replace("[sources.stores]\nstatic = true", "[sources]\nstores = 3"))
    assert "`sources.stores` is 3, not a table" in message


def test_not_text_and_nothing(tmp_path: Path) -> None:
    assert "missing" in refused(tmp_path, "")[0]
    (tmp_path / "pipelines/shop/contract.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ContractError, match="not UTF-8"):
        load_contract(tmp_path, "shop")


@pytest.mark.parametrize("name", ["nothing", "../shop", "", "/etc", "shop/../shop", ".", ".."])
def test_an_unknown_use_case_is_a_usage_error(tmp_path: Path, name: str) -> None:
    make_workspace(tmp_path)
    with pytest.raises(UsageError) as error:
        load_contract(tmp_path, name)
    assert error.value.hint == "there is: shop"


def test_a_backtest_contract(tmp_path: Path) -> None:
    stages = '[stages]\nload = "a:b"\nbacktest = "a:c"\n'
    text = re.sub(r"\[stages\]\n(.*\n)*?\n", stages, SHOP_CONTRACT, count=1)
    assert contract_of(tmp_path, text).stages.entries() == {"load": "a:b", "backtest": "a:c"}


def test_the_direction_of_known_metrics_needs_no_saying(tmp_path: Path) -> None:
    without = SHOP_CONTRACT.replace('direction = "minimize"\n', "")
    metrics = contract_of(tmp_path, without).metrics
    assert metrics is not None and metrics.direction == "minimize"
    assert contract_of(tmp_path, without).digest == contract_of(tmp_path, SHOP_CONTRACT).digest
    message, _ = refused(tmp_path, without.replace('primary = "mae"', 'primary = "profit"'))
    assert "`metrics.direction` is missing" in message
    own = SHOP_CONTRACT.replace('primary = "mae"', 'primary = "mae"\ndefinition = "a:b"').replace('"minimize"', '"maximize"')
    assert contract_of(tmp_path, own).metrics is not None


def test_the_digest_covers_the_facts_and_nothing_else(tmp_path: Path) -> None:
    digest = contract_of(tmp_path, SHOP_CONTRACT).digest
    assert len(digest) == 64
    reordered = SHOP_CONTRACT.replace("[sources.stores]\nstatic = true\n", "") + "\n# note\n[sources.stores]\nstatic = true\n"
    assert contract_of(tmp_path, reordered).digest == digest
    assert contract_of(tmp_path, SHOP_CONTRACT.replace("[prediction]", "[prediction]\ngroups = []")).digest == digest
    for old, new in (
        ('"24h"', '"25h"'),
        ("margin = 0.02", "margin = 0.03"),
        ("static = true", "static = true\ncolumns.a.unique = true"),
    ):
        assert contract_of(tmp_path, SHOP_CONTRACT.replace(old, new)).digest != digest


def parsed(text: str) -> Duration:
    return TypeAdapter(Duration).validate_python(text)


@pytest.mark.parametrize(
    "text",
    ["36h", "7d", "7D", "90min", "1h30min", "50ms", "2 days", "1 day 2h", "0h", "1.5h", "3s", "1W", "10us", "5ns", "2hours"],
)
def test_durations_are_those_of_pandas(text: str) -> None:
    assert parsed(text).timedelta == pd.Timedelta(text) and parsed(text) == text


@given(st.integers(0, 10**5), st.sampled_from(["h", "min", "s", "d", "ms"]))
def test_durations_count_exactly(number: int, unit: str) -> None:
    assert parsed(f"{number}{unit}").timedelta == pd.Timedelta(number, unit=unit)


@pytest.mark.parametrize(
    "text", ["-1h", "1", "h", "1 2", "1h-2h", "one day", "1x", "1e3h", "NaT", "P1D", "400000d", "1Y", "1B", "--", "1h,"]
)
def test_what_is_no_fixed_length_is_no_duration(text: str) -> None:
    with pytest.raises(ValidationError):
        parsed(text)


def test_sizes() -> None:
    assert size_in_bytes("1GB") == 10**9 and size_in_bytes("512 MiB") == 512 * 2**20 and size_in_bytes("1.5kb") == 1500
    for text in ("", "GB", "-1GB", "0GB", "1 XB", "1GBs"):
        with pytest.raises(ValueError, match=r"size"):
            size_in_bytes(text)


def test_loading_imports_neither_pandas_nor_the_stages(tmp_path: Path) -> None:
    make_workspace(tmp_path, data="raise SystemExit('imported')")
    code = (
        "import sys; from pathlib import Path; from workbench.pipeline.contract import load_contract\n"
        f"load_contract(Path({str(tmp_path)!r}), 'shop')\n"
        "assert not {'pandas', 'numpy', 'pyarrow', 'pipelines.shop.data'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(__file__).parents[2])
