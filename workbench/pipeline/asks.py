"""What the confined process can be asked to do with the stages, each an entry of ASKED; tables and results are files.

Runs inside that process, in a fork of its own for each request, loaded by its path after `frames.py` and `stages.py`. What an
ask returns goes into the answer's JSON; outside nothing of it is trusted.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from workbench.pipeline import frames, recalled, stages
else:
    frames, recalled, stages = (sys.modules[f"_pipeline_host_{name}"] for name in ("frames", "recalled", "stages"))


def words(fault: stages.StageFault) -> dict[str, str]:
    """A fault as JSON."""
    return {"stage": fault.stage, "message": fault.message, "hint": fault.hint, "detail": fault.detail}


def _load(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    tables = runner.tables("load")
    recalled.note_globals()  # what `load` has left in a global, another stage of the real pipeline would find there
    recalled.recognise(tables)
    for number, (name, table) in enumerate(tables.items()):
        _write("load", table, out / f"table-{number}", f"table `{name}`", request.get("known", {}).get(name))
    return {"tables": list(tables)}


def _run(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    given, tables = request.get("folds"), _tables(request)
    recalled.recognise(tables)
    result = stages.run(
        runner,
        tables,
        until=request["until"],
        frame=_frame(request, "frame"),
        folds=_folds(given) if given else None,
        probe=_frame(request, "probe"),
    )
    if result.frame is not None and not request.get("frame"):
        _write("features", result.frame, out / "frame", "the feature frame")
    answer: dict[str, Any] = {"folds": [[len(train), len(test)] for train, test in result.folds], "scores": result.scores}
    positions = [side for fold in result.folds for side in fold]
    _write("split", pd.DataFrame({"position": np.concatenate(positions or [np.empty(0, "int64")])}), out / "folds", "the folds")
    for number, fold in enumerate(result.fold_results):
        columns = pd.DataFrame({"predictions": fold.predictions, "raw": fold.raw})
        _write("predict", columns, out / f"fold-{number}", "the predictions")
        if fold.probe is not None:
            _write("predict", pd.DataFrame({"probe": fold.probe}), out / f"probe-{number}", "the predictions")
    answer["digests"] = [fold.digest for fold in result.fold_results]
    return answer


def _fit_final(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    frame = _frame(request, "frame")
    assert frame is not None
    runner.check_columns("features", frame)
    runner.check_trainable(frame)
    model = runner.call("fit", frame)
    booster = getattr(model, "booster_", model) if hasattr(type(model), "booster_") else model
    if not (type(booster).__module__.startswith("lightgbm") and hasattr(booster, "save_model")):
        raise stages.StageFault(
            "fit",
            f"Stage `fit` returned a {type(model).__module__}.{type(model).__qualname__}, which has no safe file format here.",
            "return a lightgbm Booster (or an LGBMRegressor or LGBMClassifier); others aren't supported yet",
        )
    with stages.reported("fit", runner.root):
        # Without a best iteration all trees are kept; with one, those that `predict` would use.
        text = booster.model_to_string()
    (out / "model").write_text(text, encoding="utf-8")
    return {"flavor": "lightgbm", "features": list(map(str, booster.feature_name()))}


def _backtest(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    result = runner.call("backtest", _tables(request))
    if not isinstance(result, pd.DataFrame):
        raise stages.StageFault("backtest", f"Stage `backtest` returned a {type(result).__name__}.", "return a DataFrame")
    runner.check_columns("backtest", result)
    for column in ("prediction", "fold"):
        if column not in result.columns:
            raise stages.StageFault(
                "backtest", f"Stage `backtest` returned a frame without the column `{column}`.", "add it, one value per row"
            )
    _write("backtest", result, out / "frame", "the back-test")
    return {}


def _measure(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    """A metric of the use case's own: (outcomes, predictions, frame) -> number."""
    frame, made = _frame(request, "frame"), _frame(request, "predictions")
    assert frame is not None and made is not None
    _take(runner, "metrics", request["entry"])
    value = runner.call("metrics", frame[runner.target].copy(), made["predictions"].to_numpy(copy=True), frame)
    if not isinstance(value, (int, float, np.integer, np.floating)):
        raise stages.StageFault("metrics", f"`{request['entry']}` returned a {type(value).__name__}.", "return one number")
    return {"value": float(value)}


def _baseline(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    """A baseline of the use case's own: (training rows, rows without their outcome) -> 1-d array."""
    train, rows = _frame(request, "frame"), _frame(request, "rows")
    assert train is not None and rows is not None
    _take(runner, "metrics", request["entry"])
    made = runner.predicted("metrics", rows, train, rows)
    _write("metrics", pd.DataFrame({"predictions": made}), out / "frame", "the baseline's predictions")
    return {}


def _serve(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    """The `serve` stage on some requests, each with tables of its own to change; one that fails doesn't stop the others."""
    tables, answers = _tables(request), []
    times = request.get("times", [])
    for asked in request["requests"]:
        asked = {name: pd.Timestamp(value) if name in times else value for name, value in asked.items()}
        try:
            made = runner.call("serve", dict(asked), {name: table.copy() for name, table in tables.items()})
            if not isinstance(made, Mapping):
                raise stages.StageFault(
                    "serve", f"Stage `serve` returned a {type(made).__name__}.", "return a mapping of feature → value"
                )
            answers.append({"made": {str(name): _cell(value) for name, value in made.items()}})
        except stages.StageFault as fault:
            answers.append({"error": words(fault)})
    return {"answers": answers}


def _cell(value: Any) -> Any:
    """A served value as JSON: missing is None, times are ISO 8601, what is no plain value its text."""
    if isinstance(value, (pd.Series, pd.Index, np.ndarray)) and np.size(value) == 1:
        value = np.asarray(value).ravel()[0] if not isinstance(value, pd.Series) else value.iloc[0]
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, (str, bool, int, float)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _prepared(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    """The tables after `validate` and after `preprocess`, as far as there are such stages."""
    tables, names = _tables(request), {}
    for stage in ("validate", "preprocess"):
        if stage in runner.calls:
            tables = runner.tables(stage, tables)
            names[stage] = list(tables)
            for number, (name, table) in enumerate(tables.items()):
                known = request.get("known", {}).get(stage, {}).get(name)
                _write(stage, table, out / f"{stage}-{number}", f"table `{name}`", known)
    return {"prepared": names}


def _judged(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    """`postprocess` on given raw predictions and `metrics` on given predictions, fold by fold; nothing is fitted."""
    frame, made = _frame(request, "frame"), _frame(request, "predictions")
    assert frame is not None and made is not None
    scores: list[dict[str, float]] = []
    begin = 0
    for number, (train, test) in enumerate(_folds(request["folds"])):
        given = made.iloc[begin : begin + len(test)]
        begin += len(test)
        rows, raw = frame.take(test).reset_index(drop=True), given["raw"].to_numpy(copy=True)
        whole = bool(len(train) and len(test))
        if whole and "postprocess" in runner.calls:
            raw = runner.predicted("postprocess", rows, raw, rows.copy())
        _write("postprocess", pd.DataFrame({"predictions": raw}), out / f"fold-{number}", "the predictions")
        judges = whole and "metrics" in runner.calls
        scores.append(runner.scores(frame, test, given["predictions"].to_numpy(copy=True)) if judges else {})
    return {"scores": scores}


def _take(runner: stages.Stages, stage: str, entry: str) -> None:
    with stages.reported(stage, runner.root, importing=entry):
        runner.calls = {**runner.calls, stage: stages.found(stage, entry)}


ASKED = {
    "measure": _measure, "baseline": _baseline, "load": _load, "run": _run, "fit_final": _fit_final, "backtest": _backtest,
    "serve": _serve, "prepared": _prepared, "judged": _judged,
}  # fmt: skip


def _tables(request: dict[str, Any]) -> dict[str, pd.DataFrame]:
    return {name: frames.read(Path(path)) for name, path in request.get("tables", {}).items()}


def _frame(request: dict[str, Any], key: str) -> pd.DataFrame | None:
    return frames.read(Path(request[key])) if request.get(key) else None


def _folds(given: dict[str, Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    positions = frames.read(Path(given["path"]))["position"].to_numpy()
    cuts = np.cumsum([0, *(length for fold in given["lengths"] for length in fold)])
    sides = [positions[a:b] for a, b in itertools.pairwise(cuts)]
    return list(zip(sides[::2], sides[1::2]))


def _write(stage: str, frame: pd.DataFrame, path: Path, what: str, known: str | None = None) -> None:
    """Writes a frame, unless its content is what is known outside."""
    try:
        table = frames.encode(frame)
        if known is None or frames.content_id(table) != known:
            frames.write(table, path)
    except frames.Unwritable as reason:
        hint = "use columns of numbers, text, booleans, times or categories"
        raise stages.StageFault(stage, f"Stage `{stage}`: {what}: {reason}.", hint) from None
