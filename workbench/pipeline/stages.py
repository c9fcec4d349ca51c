"""The stages of a use case: what each gets, what it has to give back, and calling them in their order.

Runs inside the confined process, where it is loaded by its path, so it imports nothing of this package. Processes, files
and the sandbox aren't known here; whether what a stage gives back is honest isn't either: that is for the gates.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib
import pickle
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

ORDER = ("load", "validate", "preprocess", "features", "split", "fit", "predict", "postprocess", "metrics", "serve", "backtest")


class StageFault(Exception):
    """A stage that can't be used: raised by its code, or its result isn't what it has to be."""

    def __init__(self, stage: str, message: str, hint: str, detail: str = "") -> None:
        super().__init__(message)
        self.stage, self.message, self.hint, self.detail = stage, message, hint, detail


@dataclass
class FoldResult:
    """What one fold's fit and predict gave; `probe` are the raw predictions for the extra frame."""

    predictions: np.ndarray
    raw: np.ndarray
    digest: str | None = None
    probe: np.ndarray | None = None


@dataclass
class RunResult:
    """What a run gave, as far as it went."""

    frame: pd.DataFrame | None = None
    folds: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    fold_results: list[FoldResult] = field(default_factory=list)
    scores: list[dict[str, float]] = field(default_factory=list)


def resolved(entries: Mapping[str, str], root: str) -> dict[str, Callable[..., Any]]:
    """Imports every stage: name → callable. Raises StageFault for the first that isn't there or doesn't import."""
    calls: dict[str, Callable[..., Any]] = {}
    for stage in ORDER:
        if stage in entries:
            with reported(stage, root, importing=entries[stage]):
                calls[stage] = found(stage, entries[stage])
    return calls


def found(stage: str, entry: str) -> Callable[..., Any]:
    """The callable that an entry names. Raises StageFault, and what importing its module raises."""
    name, _, path = entry.partition(":")
    module: Any = importlib.import_module(name)
    reached = module
    for part in path.split("."):
        if not hasattr(reached, part):
            close = difflib.get_close_matches(part, [n for n in dir(reached) if not n.startswith("_")], 1)
            hint = f"did you mean `{close[0]}`?" if close else f"define it in {name}, or mend `stages.{stage}` in the contract"
            raise StageFault(stage, f"Stage `{stage}`: `{name}` has no `{path}`.", hint)
        reached = getattr(reached, part)
    if not callable(reached):
        raise StageFault(stage, f"Stage `{stage}`: `{entry}` is not callable.", "name a function")
    return reached  # type: ignore[no-any-return]


class reported(contextlib.AbstractContextManager["reported"]):
    """Turns whatever stage code raises, `sys.exit` included, into a StageFault that says where in the workspace it was."""

    def __init__(self, stage: str, root: str, *, importing: str = "") -> None:
        self.stage, self.root, self.importing = stage, root, importing

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, StageFault):
            return
        raise _fault(self.stage, error, self.root, self.importing) from None


def _fault(stage: str, error: BaseException, root: str, importing: str) -> StageFault:
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if f.filename.startswith(root + "/") and "/site-packages/" not in f.filename]
    place = f"{inside[-1].filename[len(root) + 1 :]}:{inside[-1].lineno}" if inside else ""
    if isinstance(error, SyntaxError) and (error.filename or "").startswith(root + "/"):
        place = f"{str(error.filename)[len(root) + 1 :]}:{error.lineno}"
    words = f"{type(error).__name__}: {_first_line(error)}".removesuffix(": ")
    where = f" ({place})" if place else ""
    detail = "".join(traceback.format_exception(error, limit=-40))[-20_000:]
    if importing:
        message = f"Stage `{stage}`: `{importing}` can't be imported: {words}{where}."
    else:
        message = f"Stage `{stage}` failed: {words}{where}."
    return StageFault(stage, message, _hint(error, place, importing), detail)


def _first_line(error: BaseException) -> str:
    try:
        return (str(error).strip().splitlines() or [""])[0][:300].rstrip(".")
    except (ValueError, TypeError, AttributeError, RuntimeError):  # an exception of the stage's own that can't even be shown
        return ""


def _hint(error: BaseException, place: str, importing: str) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        if importing and (importing.partition(":")[0] + ".").startswith(error.name + "."):
            return "mend the module's name in the contract, or add the file"
        return f"install `{error.name.partition('.')[0]}`, or mend the import"
    if isinstance(error, PermissionError):
        if error.filename:
            return "stages read the workspace alone; further paths go under [sandbox] read in workbench.toml"
        return "stages run without network and write nothing but their scratch directory"
    if isinstance(error, MemoryError):
        return "raise [sandbox] memory in workbench.toml, or use less"
    if isinstance(error, SystemExit):
        return "a stage returns its result or raises; it doesn't end the program"
    return f"mend {place}" if place else "the traceback says where"


@dataclass
class Stages:
    """The imported stages of one use case, with what the contract says about the feature frame."""

    calls: Mapping[str, Callable[..., Any]]
    root: str
    target: str
    keys: Sequence[str]
    columns: Sequence[str] = ()
    """What else the contract names: features, groups, slices."""
    ran: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    now: str = ""
    """The stage whose code is running; what is opened meanwhile is its doing."""

    def call(self, stage: str, *arguments: Any) -> Any:
        """Runs one stage's code. Raises StageFault for whatever it raises."""
        begin = time.perf_counter()
        self.ran[stage] += 1
        self.now = stage
        try:
            with reported(stage, self.root):
                return self.calls[stage](*arguments)
        finally:
            self.now = ""
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - begin

    def tables(self, stage: str, *arguments: Any) -> dict[str, pd.DataFrame]:
        """A stage that returns tables: load, validate, preprocess."""
        result = self.call(stage, *arguments)
        if not isinstance(result, Mapping):
            raise StageFault(
                stage, f"Stage `{stage}` returned {_a(result)}, not a mapping of tables.", "return {name: DataFrame}"
            )
        for name, table in result.items():
            if not isinstance(name, str) or not isinstance(table, pd.DataFrame):
                raise StageFault(
                    stage, f"Stage `{stage}` returned {_a(table)} as table `{name}`.", "every value has to be a DataFrame"
                )
        return {name: _positional(table) for name, table in result.items()}

    def frame(self, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
        """validate → preprocess → features: the feature frame, its index positional."""
        for stage in ("validate", "preprocess"):
            if stage in self.calls:
                tables = self.tables(stage, tables)
        result = self.call("features", tables)
        if not isinstance(result, pd.DataFrame):
            raise StageFault(
                "features", f"Stage `features` returned {_a(result)}, not a DataFrame.", "return one row per prediction"
            )
        _check_names("features", result)
        self.check_columns("features", result, self.columns)
        return _positional(result)

    def check_columns(self, stage: str, frame: pd.DataFrame, further: Sequence[str] = ()) -> None:
        """The keys, the target and `further` have to be columns. Raises StageFault."""
        for column in (*self.keys, self.target, *further):
            if column not in frame.columns:
                inside = "it is in the index: reset_index() first" if column in frame.index.names else ""
                raise StageFault(
                    stage,
                    f"Stage `{stage}` returned a frame without the column `{column}`, which the contract names.",
                    inside or f"the columns are: {_listed(frame.columns)}",
                )

    def check_trainable(self, frame: pd.DataFrame) -> None:
        """A frame that can be split and learned from: not empty, a target that isn't missing throughout."""
        if len(frame) == 0:
            raise StageFault("features", "The feature frame is empty.", "look at the joins and filters of the features stage")
        if frame[self.target].isna().all():
            raise StageFault(
                "features",
                f"The target `{self.target}` is missing in all {len(frame)} rows of the feature frame.",
                "look at how the target is joined or computed",
            )

    def folds(self, frame: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
        """The split stage's folds as int64 positions into the frame."""
        result = self.call("split", frame)
        with reported("split", self.root):
            try:
                self.now = "split"
                pairs = list(_pairs(result))
            finally:
                self.now = ""
        if not pairs:
            raise StageFault("split", "Stage `split` returned no folds.", "yield at least one (train, test) pair")
        return [
            (_positions(train, len(frame), number, "train"), _positions(test, len(frame), number, "test"))
            for number, (train, test) in enumerate(pairs)
        ]

    def fold(
        self, frame: pd.DataFrame, train: np.ndarray, test: np.ndarray, until: str, probe: pd.DataFrame | None
    ) -> FoldResult:
        """Fits on one fold and predicts; a fold without rows on a side isn't fitted, and its predictions are missing."""
        nothing = np.full(len(test), np.nan)
        if not len(train) or not len(test):
            return FoldResult(nothing, nothing)
        model = self.call("fit", _positional(frame.take(train)))
        result = FoldResult(nothing, nothing, digest=_digest(model))
        if until == "fit":
            return result
        if probe is not None:
            result.probe = self.predicted("predict", probe, model, _positional(probe.copy()))
        rows = _positional(frame.take(test))
        result.raw = result.predictions = self.predicted("predict", rows, model, rows.copy())
        if "postprocess" in self.calls:
            result.predictions = self.predicted("postprocess", rows, result.raw.copy(), rows.copy())
        return result

    def predicted(self, stage: str, rows: pd.DataFrame, *arguments: Any) -> np.ndarray:
        """A stage that returns one value per row."""
        result = self.call(stage, *arguments)
        try:
            values = np.asarray(result.to_numpy() if isinstance(result, (pd.Series, pd.Index)) else result)
        except ValueError as error:
            raise StageFault(
                stage, f"Stage `{stage}` returned {_a(result)} that isn't an array: {error}.", "return a 1-d array"
            ) from None
        if values.ndim != 1 or len(values) != len(rows):
            raise StageFault(
                stage,
                f"Stage `{stage}` returned an array of shape {values.shape} for {len(rows)} rows.",
                "return one value per row; of predict_proba's columns, the one that counts",
            )
        return _plain(stage, values)

    def scores(self, frame: pd.DataFrame, test: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """The metrics stage's own words about one fold."""
        rows = _positional(frame.take(test))
        result = self.call("metrics", rows[self.target].copy(), predictions.copy(), rows)
        if not isinstance(result, Mapping):
            raise StageFault("metrics", f"Stage `metrics` returned {_a(result)}, not a mapping.", "return {name: number}")
        scores: dict[str, float] = {}
        for name, value in result.items():
            if not isinstance(value, (int, float, np.integer, np.floating)):
                raise StageFault(
                    "metrics", f"Stage `metrics` returned {_a(value)} for `{name}`.", "every value has to be one number"
                )
            scores[str(name)] = float(value)
        return scores


def run(
    stages: Stages,
    tables: dict[str, pd.DataFrame] | None,
    *,
    until: str,
    frame: pd.DataFrame | None = None,
    folds: list[tuple[np.ndarray, np.ndarray]] | None = None,
    probe: pd.DataFrame | None = None,
) -> RunResult:
    """validate → preprocess → features → split → for each fold: fit → predict → postprocess → metrics, up to `until`.

    `frame` takes the place of the stages before it, `folds` of the split. Raises StageFault.
    """
    result = RunResult()
    if frame is None:
        frame = stages.frame(tables or {})
    else:
        stages.check_columns("features", frame)
    result.frame = frame
    if until == "features":
        return result
    stages.check_trainable(frame)
    # Stage code gets copies, so that what one stage does to its argument doesn't reach the next.
    result.folds = stages.folds(frame.copy()) if folds is None else folds
    if until == "split":
        return result
    for train, test in result.folds:
        fold = stages.fold(frame, train, test, until, probe)
        result.fold_results.append(fold)
        if until == "metrics" and "metrics" in stages.calls and len(train) and len(test):
            result.scores.append(stages.scores(frame, test, fold.predictions))
        elif until == "metrics":
            result.scores.append({})
    return result


def _check_names(stage: str, frame: pd.DataFrame) -> None:
    names = list(frame.columns)
    for name in names:
        if not isinstance(name, str):
            hint = "name columns with text, as in frame.columns.astype(str)"
            raise StageFault(stage, f"Stage `{stage}` returned a frame with a column named {name!r}.", hint)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise StageFault(
            stage, f"Stage `{stage}` returned a frame with the column `{twice}` twice.", "drop or rename one of the two"
        )


def _pairs(result: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(result, (str, bytes, Mapping, pd.DataFrame)) or not hasattr(result, "__iter__"):
        raise StageFault(
            "split", f"Stage `split` returned {_a(result)}, not (train, test) pairs.", "yield pairs of integer positions"
        )
    for pair in result:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise StageFault(
                "split", f"Stage `split` returned {_a(pair)} as a fold.", "each fold is a pair (train, test) of positions"
            )
        yield pair[0], pair[1]


def _positions(values: Any, rows: int, number: int, side: str) -> np.ndarray:
    where = f"Stage `split`: the {side} side of fold {number}"
    array = np.asarray(list(values) if isinstance(values, (range, set, frozenset)) else values)
    if array.size == 0 and array.ndim <= 1:
        return np.empty(0, dtype="int64")
    if array.dtype.kind == "b":
        raise StageFault("split", f"{where} is a mask, not positions.", "wrap it in numpy.flatnonzero")
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise StageFault(
            "split", f"{where} is not a 1-d array of integers ({array.dtype}, {array.ndim}-d).", "give row positions"
        )
    if int(array.min()) < 0 or int(array.max()) >= rows:
        raise StageFault("split", f"{where} has positions outside the frame's {rows} rows.", "positions count from 0, as in iloc")
    return array.astype("int64")


def _plain(stage: str, values: np.ndarray) -> np.ndarray:
    """Predictions as int64, uint64, float64 or objects of text (class labels)."""
    kind = values.dtype.kind
    if kind in "biuf":
        return values.astype({"b": "int64", "i": "int64", "u": "uint64", "f": "float64"}[kind])
    if kind in "OU":
        series = pd.Series(values.tolist(), dtype=object)
        labels = series.dropna().map(lambda value: isinstance(value, str))
        if labels.all():
            return np.array(series.to_list(), dtype=object)
        numbers = pd.to_numeric(series, errors="coerce")
        if not labels.any() and numbers.isna().equals(series.isna()):
            return np.asarray(numbers, dtype="float64")
    raise StageFault(stage, f"Stage `{stage}` returned values of type {values.dtype}.", "return numbers or class labels")


def _positional(frame: pd.DataFrame) -> pd.DataFrame:
    if isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0 and frame.index.step == 1:
        return frame
    return frame.reset_index(drop=True)


def _digest(model: Any) -> str | None:
    """SHA-256 of the fitted state, where it can be taken."""
    booster = getattr(model, "booster_", model) if hasattr(type(model), "booster_") else model
    if type(booster).__module__.startswith("lightgbm") and hasattr(booster, "model_to_string"):
        return hashlib.sha256(booster.model_to_string(num_iteration=-1).encode()).hexdigest()
    try:
        return hashlib.sha256(pickle.dumps(model, protocol=5)).hexdigest()
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError, NotImplementedError, RuntimeError):
        return None


def _a(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _listed(names: Any) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")
