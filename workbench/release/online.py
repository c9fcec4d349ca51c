"""One registered version, ready to answer: its tables, its feature rows as of the prediction time, its native model.

The row that is predicted is built by the training code from tables in which everything that wasn't yet known at the
prediction time is taken away: it is the row that training would have used. Rows are cached per prediction time.
Not here: HTTP (`serving`), which version is to answer (`following`).
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.pipeline.asof import known_times
from workbench.pipeline.online_request import online_request
from workbench.pipeline.times import frame_zone, from_utc, prediction_times, target_times, to_utc
from workbench.pipeline.worlds import truncated
from workbench.release.approved_code import Code
from workbench.release.lineage import ModelVersion
from workbench.release.prediction_request import FieldType, Key, RequestForm

CACHED_CUTOFFS = 256
CACHED_WORLDS = 4

_K = TypeVar("_K")
_V = TypeVar("_V")


class UnknownKey(Exception):
    """There is no row for the entity and time that were asked for; `message` says which part is unknown."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Answer:
    """A prediction and the row it was made of; times are in UTC."""

    prediction: Any
    features: dict[str, Any]
    prediction_time: datetime | None
    target_time: datetime | None


class World:
    """The source tables of one code tree, loaded once, and the feature rows that can be asked for."""

    def __init__(self, code: Code, *, progress: Callable[[str], None] | None = None) -> None:
        say = progress or (lambda _: None)
        self.code = code
        self.contract = code.contract
        say("loading the source tables")
        self.tables = code.load()
        say("building the feature frame")
        frame = code.frame(self.tables)
        self.form = _form(code, frame)
        self._timed = self.contract.prediction.target_time is not None
        self._known = known_times(self.contract, self.tables) if self._timed else None
        self._entities: set[tuple[Any, ...]] = set(_entities(code, frame))
        self._cutoffs: dict[Key, pd.Timestamp] = {}
        if self._timed:
            for key, cutoff in zip(_keys(code, frame), prediction_times(self.contract, frame), strict=True):
                self._cutoffs[key] = cutoff
        times = [key.target_time for key in self._cutoffs if key.target_time is not None]
        self._range = f"; there are rows from {min(times).isoformat()} to {max(times).isoformat()}" if times else ""
        if not len(frame):
            raise PipelineError(
                "The feature frame is empty: there is nothing to predict.", "look at the source tables", stage="features"
            )
        self.sample = frame.iloc[[-1]].reset_index(drop=True)
        self._static = frame if not self._timed else None
        self._rows: OrderedDict[pd.Timestamp | None, dict[Key, pd.DataFrame]] = OrderedDict()
        self._worlds: OrderedDict[pd.Timestamp | None, Mapping[str, pd.DataFrame]] = OrderedDict()
        self._lock = threading.Lock()

    def row(self, key: Key) -> tuple[pd.DataFrame, pd.Timestamp | None]:
        """The feature row (a frame of one row) for `key` and the time its prediction is made.

        Raises UnknownKey where training would have no such row, PipelineError where a stage fails.
        """
        cutoff = self._cutoff(key)
        with self._lock:  # stage code is called by one thread at a time
            if self.code.has("serve"):
                return self._made_by_serve(key, cutoff), cutoff
            rows = _cached(self._rows, cutoff, self._built, CACHED_CUTOFFS)
        if key not in rows:
            raise UnknownKey(f"at its prediction time there is no row for {self._words(key)}")
        return rows[key], cutoff

    def _made_by_serve(self, key: Key, cutoff: pd.Timestamp | None) -> pd.DataFrame:
        """A row from the contract's `serve` stage, in the column order and dtypes of the feature frame."""
        prediction = self.contract.prediction
        made_at = None if cutoff is None else cutoff.to_pydatetime(warn=False)
        request = online_request(self.contract, key.entity, key.target_time, made_at)
        made = dict(self.code.serve(request, _cached(self._worlds, cutoff, self._known_at, CACHED_WORLDS)))
        lacking = [name for name in prediction.features or () if name not in made]
        if lacking:
            raise PipelineError(f"Stage `serve` left out the feature `{lacking[0]}`.", "return every feature", stage="serve")
        row = self.sample.copy()
        for name in row.columns:
            value = made.get(name, request.get(name))
            column = pd.Series([value])
            if name == prediction.target_time and isinstance(value, str):
                column = from_utc(to_utc(column), row[name], frame_zone(self.contract))
            elif value is not None:
                column = column.astype(row[name].dtype)
            row[name] = column
        return row

    def _known_at(self, cutoff: pd.Timestamp | None) -> Mapping[str, pd.DataFrame]:
        if cutoff is None or self._known is None:
            return self.tables
        return truncated(self.tables, self._known, cutoff)

    def _cutoff(self, key: Key) -> pd.Timestamp | None:
        if key.entity not in self._entities:
            raise UnknownKey(f"unknown {self._words(Key(key.entity, None))}")
        if not self._timed:
            return None
        if key not in self._cutoffs:
            raise UnknownKey(f"no row for {self._words(key)}{self._range}")
        cutoff = self._cutoffs[key]
        if pd.isna(cutoff):
            raise UnknownKey(f"{self._words(key)} has no prediction time")
        return cutoff

    def _built(self, cutoff: pd.Timestamp | None) -> dict[Key, pd.DataFrame]:
        if cutoff is None:
            assert self._static is not None
            frame = self._static
            positions = np.arange(len(frame))
        else:
            frame = self.code.frame(self._known_at(cutoff))
            positions = np.flatnonzero((prediction_times(self.contract, frame) == cutoff).to_numpy())
        keys = _keys(self.code, frame)
        return {keys[position]: frame.iloc[[position]].reset_index(drop=True) for position in positions}

    def _words(self, key: Key) -> str:
        parts = [f"{name} {value!r}" for name, value in zip(self.contract.prediction.entity, key.entity, strict=True)]
        if key.target_time is not None:
            parts.append(f"{self.contract.prediction.target_time} {key.target_time.isoformat()}")
        return ", ".join(parts)


class OnlineModel:
    """A version that answers: native model plus the `predict` and `postprocess` stages of its own code tree."""

    def __init__(self, version: ModelVersion, content: bytes, world: World) -> None:
        self.version = version
        self.world = world
        self._model = _loaded(version, content)
        self._features = [feature.name for feature in version.lineage.features]
        self._lock = threading.Lock()
        world.code.predict(self._model, world.sample)  # a version that can't answer doesn't take over

    def answer(self, key: Key) -> Answer:
        """Predicts for `key`. Raises UnknownKey, or PipelineError where no finite prediction comes out."""
        row, cutoff = self.world.row(key)
        with self._lock:
            predicted = self.world.code.predict(self._model, row)
        value = plain(predicted[0])
        if value is None:
            raise PipelineError("The prediction isn't a finite number.", "see the features of this row", stage="predict")
        features = {name: plain(row[name].iloc[0]) for name in self._features if name in row.columns}
        return Answer(value, features, None if cutoff is None else cutoff.to_pydatetime(warn=False), key.target_time)


def _cached(cache: OrderedDict[_K, _V], key: _K, make: Callable[[_K], _V], size: int) -> _V:
    if key in cache:
        cache.move_to_end(key)
        return cache[key]
    made = cache[key] = make(key)
    while len(cache) > size:
        cache.popitem(last=False)
    return made


def plain(value: Any) -> Any:
    """A cell as a JSON value: missing and infinite are None, times ISO 8601."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    if value is pd.NA or value is pd.NaT:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _loaded(version: ModelVersion, content: bytes) -> Any:
    import lightgbm

    try:
        return lightgbm.Booster(model_str=content.decode("utf-8"))
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError, ValueError) as error:
        raise PipelineError(
            f"The model of {version.lineage.use_case} version {version.version} can't be loaded: {str(error).splitlines()[0]}.",
            "roll back to the version before",
            stage="predict",
        ) from None


def _form(code: Code, frame: pd.DataFrame) -> RequestForm:
    prediction = code.contract.prediction
    lacking = [name for name in [*prediction.entity, prediction.target_time] if name and name not in frame.columns]
    if lacking:
        raise PipelineError(
            f"The feature frame lacks the key column {', '.join(lacking)}.", "audit this code tree", stage="features"
        )
    kinds = {name: _kind(frame[name]) for name in prediction.entity}
    return RequestForm(kinds, prediction.target_time, frame_zone(code.contract))


def _kind(column: pd.Series) -> FieldType:
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(column.dtype):
        return "integer"
    return "number" if pd.api.types.is_float_dtype(column.dtype) else "string"


def _entities(code: Code, frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    columns = [[_key_value(value) for value in frame[name]] for name in code.contract.prediction.entity]
    return list(zip(*columns, strict=True)) if columns else [()] * len(frame)


def _key_value(value: Any) -> Any:
    value = plain(value)
    return value if isinstance(value, (int, float, bool)) else str(value)


def _keys(code: Code, frame: pd.DataFrame) -> list[Key]:
    entities = _entities(code, frame)
    if code.contract.prediction.target_time is None:
        return [Key(entity, None) for entity in entities]
    times = target_times(code.contract, frame)
    return [
        Key(entity, None if pd.isna(when) else when.to_pydatetime(warn=False).astimezone(UTC))
        for entity, when in zip(entities, times, strict=True)
    ]
