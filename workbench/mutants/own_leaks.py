"""Leaks to plant into a use case's own pipeline: each wraps one or two of its stages in a copy of its code tree.

What is planted is code in the manner of a stage, and where it can't be planted, why. Auditing it is `prove.py`'s part.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.pipeline.contract import Duration

if TYPE_CHECKING:
    from workbench.pipeline.contract import Column, Contract, Source

MODULE = "workbench_planted"
_NONE = Duration("0h")
_PREFACE = '''"""A planted leak: wraps stages of a use case to prove that a gate bites."""

import importlib

import numpy as np
import pandas as pd

ENTRIES = {entries!r}
TARGET, KEYS, LISTED = {target!r}, {keys!r}, {listed!r}


def original(stage):
    module, name = ENTRIES[stage].split(":")
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def numbers(values):
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype("float64")
    codes, _ = pd.factorize(values, sort=True)
    return pd.Series(np.where(codes < 0, np.nan, codes), index=values.index)


def a_feature(frame):
    names = LISTED or [name for name in frame.columns if name not in KEYS]
    return next(name for name in names if pd.api.types.is_float_dtype(frame[name].dtype) and frame[name].nunique() > 1)


'''


@dataclass(frozen=True)
class OwnLeak:
    """One leak: the gate that has to fail, by which rules, which stages are wrapped, and their code.

    `hindrance` says of a contract why the leak has no place in it; empty where it has.
    """

    name: str
    gate: str
    rules: frozenset[str]
    stages: tuple[str, ...]
    code: str
    hindrance: Callable[[Contract], str] = lambda contract: ""


def plant(leak: OwnLeak, contract: Contract, root: Path) -> str:
    """Writes the leak into the code tree at `root` and points the contract to it; returns why it can't, or nothing."""
    path = root / contract.path
    text = retargeted(path.read_text("utf-8"), leak.stages, MODULE)
    if text is None:
        return f"the contract's lines for {', '.join(leak.stages)} aren't of the form stage = \"module:callable\", one to a line"
    prediction = contract.prediction
    keys = [*prediction.entity, *prediction.groups, prediction.target_time, prediction.prediction_time, prediction.target]
    preface = _PREFACE.format(
        entries=contract.stages.entries(),
        target=prediction.target,
        keys=[key for key in keys if key],
        listed=list(prediction.features or []),
    )
    (root / f"{MODULE}.py").write_text(preface + leak.code.strip() + "\n", "utf-8")
    path.write_text(text, "utf-8")
    return ""


def retargeted(text: str, stages: tuple[str, ...], module: str) -> str | None:
    """The contract's text with `stages` pointed to functions of their names in `module`; None where it isn't written plainly."""
    for stage in stages:
        text, count = re.subn(rf"(?m)^(\s*{stage}\s*=\s*)([\"']).*?\2", rf'\g<1>"{module}:{stage}"', text, count=1)
        if not count:
            return None
    named = tomllib.loads(text)["stages"]
    return text if all(named.get(stage) == f"{module}:{stage}" for stage in stages) else None


def _apart(contract: Contract) -> str:
    return "the pipeline is one `backtest` stage" if contract.stages.backtest is not None else ""


def _timed(contract: Contract) -> str:
    return _apart(contract) or ("" if contract.prediction.target_time else "the contract declares no time")


def _grouped(contract: Contract) -> str:
    return _apart(contract) or ("" if contract.prediction.groups else "the contract declares no groups")


def _claimed(contract: Contract) -> str:
    if _apart(contract) or contract.metrics is None or contract.stages.metrics is None:
        return "the contract has no [metrics] with a metrics stage"
    return ""


def _served(contract: Contract) -> str:
    return "" if contract.stages.serve is not None else "the contract names no serve stage"


def _lagging(contract: Contract) -> str:
    if why := _timed(contract):
        return why
    late = [name for name, source in contract.sources.items() if source.time and _late(contract, source)]
    return "" if late else "no source column is declared to be known later than its row's time"


def _late(contract: Contract, source: Source) -> bool:
    but, columns = _late_columns(contract, source)
    return but or bool(columns)


OWN_LEAKS = (
    OwnLeak(
        "a feature reads its own row's outcome",
        "features",
        frozenset({"leakage/future-feature", "leakage/fold-features"}),
        ("features",),
        """
def features(tables):
    frame = original("features")(tables).copy()
    frame[a_feature(frame)] = numbers(frame[TARGET])
    return frame
""",
        _apart,
    ),
    OwnLeak(
        "a feature is a statistic over all rows",
        "features",
        frozenset({"leakage/future-feature", "leakage/fold-features"}),
        ("features",),
        """
def features(tables):
    frame = original("features")(tables).copy()
    name = a_feature(frame)
    frame[name] = frame[name] - numbers(frame[TARGET]).mean()
    return frame
""",
        _apart,
    ),
    OwnLeak(
        "a quarter of the test rows is trained on",
        "split",
        frozenset({"leakage/overlap"}),
        ("split",),
        """
def split(frame):
    for train, test in original("split")(frame):
        train, test = np.asarray(train), np.asarray(test)
        yield np.union1d(train, test[: max(1, len(test) // 4)]), test
""",
        _apart,
    ),
    OwnLeak(
        "the gap before the test is trained on",
        "split",
        frozenset({"leakage/label-embargo", "leakage/time-order"}),
        ("split",),
        """
def split(frame):
    times = pd.to_datetime(frame[TIME]).to_numpy()
    for train, test in original("split")(frame):
        train, test = np.asarray(train), np.asarray(test)
        yield np.union1d(train, np.setdiff1d(np.flatnonzero(times < times[test].min()), test)), test
""",
        lambda contract: _timed(contract) or _no_gap(contract),
    ),
    OwnLeak(
        "rows are split at random, groups and all",
        "split",
        frozenset({"leakage/shared-group", "leakage/time-order", "leakage/label-embargo"}),
        ("split",),
        """
def split(frame):
    order = np.random.default_rng(0).permutation(len(frame))
    yield np.sort(order[len(order) // 4 :]), np.sort(order[: len(order) // 4])
""",
        _grouped,
    ),
    OwnLeak(
        "fit is given all rows by a global",
        "fit",
        frozenset({"leakage/fit-sees-test"}),
        ("features", "fit"),
        """
SEEN = {}


def features(tables):
    SEEN["frame"] = original("features")(tables)
    return SEEN["frame"]


def fit(train):
    rows = SEEN["frame"]
    return original("fit")(pd.concat([train, rows[rows[TARGET].notna()]], ignore_index=True))
""",
        _apart,
    ),
    OwnLeak(
        "predictions are mixed with the outcome",
        "fit",
        frozenset({"leakage/predict-sees-label"}),
        ("predict",),
        """
def predict(model, frame):
    made = np.asarray(original("predict")(model, frame))
    truth = frame[TARGET]
    if made.dtype.kind not in "iuf":
        return truth.to_numpy(dtype=object)
    known = numbers(truth).to_numpy()
    return np.where(np.isnan(known), made, 0.5 * made + 0.5 * known)
""",
        _apart,
    ),
    OwnLeak(
        "the metrics stage flatters",
        "metric",
        frozenset({"metric/recomputed"}),
        ("metrics",),
        """
def metrics(truth, predictions, frame):
    return {name: value * 0.5 + 0.125 for name, value in original("metrics")(truth, predictions, frame).items()}
""",
        _claimed,
    ),
    OwnLeak(
        "a feature takes the newest entry of a source before it is known",
        "availability",
        frozenset({"availability/late-source", "availability/late-column"}),
        ("features",),
        """
def utc(values, zone):
    times = pd.to_datetime(values)
    if times.dt.tz is None:
        times = times.dt.tz_localize(zone or "UTC", ambiguous="NaT", nonexistent="NaT")
    return times.dt.tz_convert("UTC").astype("datetime64[ns, UTC]")


def features(tables):
    frame = original("features")(tables).copy().reset_index(drop=True)
    made = utc(frame[PREDICTED], ZONE) if PREDICTED else utc(frame[TIME], ZONE) - pd.Timedelta(HORIZON, unit="ns")
    for name, clock, zone, but, columns in LATE:
        table = tables[name].reset_index(drop=True)
        late = [c for c in table.columns if c not in columns] if but else columns
        numeric = [c for c in late if c in table.columns and pd.api.types.is_numeric_dtype(table[c].dtype)]
        if numeric:
            break
    by = [key for key in ENTITY if key in table.columns]
    keys = {key: table[key].astype(str) for key in by}
    right = pd.DataFrame({"at": utc(table[clock], zone), "value": table[numeric[0]].astype("float64"), **keys})
    left = pd.DataFrame({"at": made, "row": np.arange(len(frame)), **{key: frame[key].astype(str) for key in by}})
    right, left = right.dropna().sort_values("at", kind="stable"), left.sort_values("at", kind="stable")
    taken = pd.merge_asof(left, right, on="at", by=by or None).sort_values("row")["value"].to_numpy()
    frame[a_feature(frame)] = np.where(np.isnan(taken), 0.0, taken)
    return frame
""",
        _lagging,
    ),
    OwnLeak(
        "the online answer is made of other values",
        "parity",
        frozenset({"parity/served-row"}),
        ("serve",),
        """
def serve(request, tables):
    def other(value):
        return value * 1.5 + 1.0 if isinstance(value, (float, np.floating)) else value

    def changed(answer):
        return {key: changed(value) if isinstance(value, dict) else other(value) for key, value in answer.items()}

    return changed(dict(original("serve")(request, tables)))
""",
        _served,
    ),
    OwnLeak(
        "a feature is a rising function of the outcome",
        "proxy",
        frozenset({"proxy/target-copy"}),
        ("features",),
        """
def features(tables):
    frame = original("features")(tables).copy()
    frame[a_feature(frame)] = np.arctan(numbers(frame[TARGET]) / (numbers(frame[TARGET]).abs().median() + 1.0))
    return frame
""",
        _apart,
    ),
)
"""The schema gate has a leak of its own, made from what the contract declares: `schema_leak`."""


def schema_leak(contract: Contract) -> OwnLeak | str:
    """Breaks the first declared fact about a column's values; or says that there is none."""
    for name, source in contract.sources.items():
        for column, facts in source.columns.items():
            change = _breaking(facts)
            if change:
                code = f"""
def load():
    tables = dict(original("load")())
    table = tables[{name!r}].copy()
    rows = np.arange(len(table)) % 3 == 0
    {change.format(column=column)}
    tables[{name!r}] = table
    return tables
"""
                rules = frozenset(f"schema/{rule}" for rule in ("range", "categories", "type", "null-rate", "retyped"))
                return OwnLeak(f"`{name}.{column}` breaks what is declared of it", "schema", rules, ("load",), code)
    return "the contract declares nothing about the values of any column"


def _breaking(facts: Column) -> str:
    bound = facts.max if facts.max is not None else facts.min
    if bound is not None:
        far = (2 * abs(float(bound)) + 1e3) * (1 if facts.max is not None else -1)
        return f'table["{{column}}"] = table["{{column}}"].astype("float64").mask(rows, {float(bound) + far!r})'
    if facts.categories:
        return 'table["{column}"] = table["{column}"].astype(object).mask(rows, "never declared")'
    if facts.max_null_rate is not None:
        return 'table["{column}"] = table["{column}"].mask(np.ones(len(table), dtype=bool))'
    return ""


def _no_gap(contract: Contract) -> str:
    prediction = contract.prediction
    needs = (prediction.horizon or _NONE).nanoseconds + prediction.label_known_after.nanoseconds
    return "" if needs else "outcomes are known at once and predicted at once: there is no gap to keep"


def names_for(leak: OwnLeak, contract: Contract) -> OwnLeak:
    """The leak with the contract's names that its code needs written before it."""
    from workbench.pipeline.times import frame_zone

    prediction = contract.prediction
    late = [
        (name, source.time, source.zone, *_late_columns(contract, source))
        for name, source in contract.sources.items()
        if source.time and _late(contract, source)
    ]
    names = {
        "TIME": prediction.target_time,
        "PREDICTED": prediction.prediction_time,
        "HORIZON": (prediction.horizon or _NONE).nanoseconds,
        "ZONE": frame_zone(contract) if prediction.target_time else None,
        "ENTITY": list(prediction.entity),
        "LATE": late,
    }
    needed = [f"{name} = {value!r}" for name, value in names.items() if re.search(rf"\b{name}\b", leak.code)]
    head = "\n".join(needed) + "\n\n\n" if needed else ""
    return OwnLeak(leak.name, leak.gate, leak.rules, leak.stages, head + leak.code.strip(), leak.hindrance)


def _late_columns(contract: Contract, source: Source) -> tuple[bool, list[str]]:
    """Either which columns are known late, or (True, …) which aren't, where the table's own rule is a delay."""
    declared = source.columns
    late = [name for name, facts in declared.items() if facts.known_at or (facts.known_after or _NONE).nanoseconds > 0]
    if source.known_after.nanoseconds > 0:
        return True, [name for name in [*declared, source.time, *contract.prediction.entity] if name and name not in late]
    return False, late
