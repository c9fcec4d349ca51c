"""Declared facts that contradict each other, or that can't mean anything together; such a contract is refused.

What is refused and why is listed in `docs/contract.md`. Whether the facts are true of the tables isn't known here.
"""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.pipeline.contract import Contract, Source, natural_direction

_TAKEN_APART = ("features", "split", "fit", "predict")
_BASELINES = {"mean": "regression", "last_value": "regression", "seasonal_naive": "regression", "prior": "classification"}
_BASELINES_IN_TIME = ("last_value", "seasonal_naive")


@dataclass(frozen=True)
class Problem:
    """`at`: the key path it stands at."""

    at: tuple[str, ...]
    message: str
    hint: str


def contradictions(contract: Contract, use_case: str, table: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything that doesn't fit together, most basic first. `table`: the file as written, to tell given from default."""
    if contract.name != use_case:
        yield Problem(
            ("name",),
            f'`name` is "{contract.name}", but the folder is `{use_case}`.',
            f'write name = "{use_case}", or rename the folder',
        )
    yield from _stages(contract)
    for name, source in contract.sources.items():
        yield from _source(name, source, timed=contract.prediction.target_time is not None)
    yield from _prediction(contract, table.get("prediction", {}))
    yield from _metrics(contract)


def _stages(contract: Contract) -> Iterator[Problem]:
    given = contract.stages.entries()
    if "backtest" in given:
        for name in _TAKEN_APART:
            if name in given:
                yield Problem(
                    ("stages", name),
                    f"`stages.{name}` is given together with `stages.backtest`.",
                    "keep `backtest` alone, or take it out and name features, split, fit and predict",
                )
        return
    for name in (*_TAKEN_APART, "metrics"):
        if name not in given:
            yield Problem(
                ("stages",),
                f"`stages.{name}` is missing.",
                f'add it, for example: {name} = "pipelines.{contract.name}.{name}:{name}"',
            )


def _source(name: str, source: Source, *, timed: bool) -> Iterator[Problem]:
    at = ("sources", name)
    if source.static:
        for key in ("time", "known_after", "zone", "max_age"):
            if key in source.model_fields_set:
                yield Problem(
                    (*at, key),
                    f"`sources.{name}` is static and has `{key}`, which contradict each other.",
                    "a static table holds facts without a time: take one of the two out",
                )
    elif source.time is None:
        if timed:
            yield Problem(
                at,
                f"`sources.{name}` has neither `time` nor `static = true`, so nobody can say when its rows are known.",
                "name its event time column, or declare it static",
            )
        for key in ("known_after", "zone", "max_age"):
            if key in source.model_fields_set:
                yield Problem(
                    (*at, key), f"`sources.{name}.{key}` is given without `time`.", "name the event time column as `time`"
                )
    if source.zone is not None and not _is_zone(source.zone):
        yield _no_zone((*at, "zone"), source.zone)
    yield from _columns(name, source)


def _columns(name: str, source: Source) -> Iterator[Problem]:
    for column, rule in source.columns.items():
        at = ("sources", name, "columns", column)
        said = [key for key in ("known", "known_after", "known_at") if getattr(rule, key) is not None]
        if len(said) > 1:
            yield Problem(
                (*at, said[1]),
                f"`sources.{name}.columns.{column}` has both `{said[0]}` and `{said[1]}`, which contradict each other.",
                "keep the one that is true",
            )
        elif said and said != ["known"] and source.static:
            yield Problem(
                (*at, said[0]),
                f"`sources.{name}` is static and its column `{column}` has `{said[0]}`, which contradict each other.",
                "a static table is always known: take one of the two out",
            )
        elif said == ["known_after"] and source.time is None:
            yield Problem(
                (*at, "known_after"),
                f"`sources.{name}.columns.{column}.known_after` has no time to count from.",
                f"name the event time column as `sources.{name}.time`",
            )
        elif loop := _clock_loop(source, column):
            yield Problem(
                (*at, "known_at"),
                f"`sources.{name}.columns.{column}.known_at` leads back to itself ({' → '.join(loop)}).",
                "name a column of the same table that is known by itself and holds the time",
            )
        if isinstance(rule.min, str) != isinstance(rule.max, str) and rule.min is not None and rule.max is not None:
            yield Problem(
                (*at, "max"), f"`{column}` has a `min` and a `max` of different kinds.", "write both as numbers or as times"
            )
        elif rule.min is not None and rule.max is not None and rule.min > rule.max:  # type: ignore[operator]
            yield Problem((*at, "min"), f"`{column}` has a `min` above its `max`.", "swap or mend them")


def _clock_loop(source: Source, column: str) -> list[str]:
    path = [column]
    while (rule := source.columns.get(path[-1])) is not None and rule.known_at is not None:
        path.append(rule.known_at)
        if rule.known_at in path[:-1]:
            return path
    return []


def _no_zone(at: tuple[str, ...], zone: str) -> Problem:
    hint = 'write a name such as "Europe/Zurich" or "UTC"'
    return Problem(at, f'`{".".join(at)}` is "{zone}", which is not an IANA time zone.', hint)


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _prediction(contract: Contract, given: Mapping[str, Any]) -> Iterator[Problem]:
    prediction, at = contract.prediction, ("prediction",)
    if prediction.horizon is not None and prediction.prediction_time is not None:
        yield Problem(
            (*at, "prediction_time"),
            "`prediction.horizon` and `prediction.prediction_time` both say when the prediction is made.",
            "keep one of the two",
        )
    if prediction.target_time is None:
        for key in ("horizon", "prediction_time", "label_known_after", "zone"):
            if key in given:
                yield Problem(
                    (*at, key),
                    f"`prediction.{key}` is given without `target_time`.",
                    "name the column that holds the time the prediction is for, or take it out",
                )
    elif prediction.horizon is None and prediction.prediction_time is None:
        yield Problem(
            (*at, "target_time"),
            "`prediction` doesn't say when the prediction is made.",
            'add horizon = "24h" ("0h" where it is made at the target time itself), or prediction_time = "column"',
        )
    if prediction.zone is not None and not _is_zone(prediction.zone):
        yield _no_zone((*at, "zone"), prediction.zone)
    roles: dict[str, list[str | None]] = {
        "entity": [*prediction.entity],
        "target_time": [prediction.target_time],
        "prediction_time": [prediction.prediction_time],
        "groups": [*prediction.groups],
        "features": [*(prediction.features or [])],
    }
    for role, names in roles.items():
        if prediction.target in names:
            yield Problem(
                (*at, role),
                f"`prediction.{role}` names the target `{prediction.target}`.",
                "what is to be predicted can't be known before",
            )


def _metrics(contract: Contract) -> Iterator[Problem]:
    metrics = contract.metrics
    if metrics is None:
        if contract.slices is not None:
            yield Problem(("slices",), "`slices` is given without `metrics`.", "say in [metrics] what has to hold on each slice")
        return
    natural = None if metrics.definition else natural_direction(metrics.primary)
    if natural not in (None, metrics.direction):
        yield Problem(
            ("metrics", "direction"),
            f'`metrics.direction` is "{metrics.direction}", but `{metrics.primary}` is better the '
            f"{'smaller' if natural == 'minimize' else 'larger'} it is.",
            f'write direction = "{natural}"',
        )
    if metrics.margin is not None and metrics.baseline is None:
        yield Problem(
            ("metrics", "margin"), "`metrics.margin` is given without a `baseline`.", 'add one, such as baseline = "mean"'
        )
    yield from _baseline(contract, metrics.baseline)


def _baseline(contract: Contract, baseline: str | None) -> Iterator[Problem]:
    at = ("metrics", "baseline")
    if baseline is None or ":" in baseline:
        return
    kind = "regression" if contract.kind == "regression" else "classification"
    if baseline not in _BASELINES:
        close = difflib.get_close_matches(baseline, _BASELINES, 1)
        yield Problem(
            at,
            f'`metrics.baseline` is "{baseline}", which is not a baseline.',
            f"did you mean `{close[0]}`?" if close else f'it is one of {", ".join(_BASELINES)}, or a "module:callable"',
        )
    elif _BASELINES[baseline] != kind:
        right = ", ".join(name for name, of in _BASELINES.items() if of == kind)
        yield Problem(
            at, f'`metrics.baseline` is "{baseline}", which is for {_BASELINES[baseline]}.', f"for {kind} there is: {right}"
        )
    elif baseline in _BASELINES_IN_TIME and contract.prediction.target_time is None:
        yield Problem(
            at, f'`metrics.baseline` is "{baseline}", but the contract has no `target_time`.', "name it, or take another baseline"
        )
