"""A use case bound to a code tree: load its tables, run its stages on any tables, fit its model for release.

What is run, and what came of it, in the gates' terms. The process it runs in is `host.py`, how frames cross is
`frames.py`, what is kept from earlier is `cache.py`. No number that stage code reports is trusted here or made up here.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import numpy as np
import pandas as pd
from pydantic import ValidationError

from workbench.errors import PipelineError
from workbench.pipeline import frames
from workbench.pipeline.answers import Answer, Fitted, Loaded, Measured, Ran, Served, ServedRow
from workbench.pipeline.cache import Cache, code_digest
from workbench.pipeline.contract import Contract
from workbench.pipeline.host import Host
from workbench.settings import Settings

AnswerKind = TypeVar("AnswerKind", bound=Answer)
Tables = Mapping[str, pd.DataFrame]
Until = Literal["features", "split", "fit", "predict", "metrics"]

# Far above what the tables of a use case on one machine have; a file beyond it is a fault, not a table.
_FRAME_LIMIT = 64_000_000_000
_KEPT_INPUTS = 16


@dataclass(frozen=True)
class Fold:
    """One fold: int64 positions into the feature frame."""

    train: np.ndarray
    test: np.ndarray


@dataclass
class FoldRun:
    """What one fold gave: `predictions` for its test rows after postprocess, `raw` before.

    `model_digest` is a hash of the fitted state where it can be taken; `probe` the raw predictions for the extra frame.
    A fold with an empty side isn't fitted: its predictions are NaN.
    """

    fold: Fold
    predictions: np.ndarray
    raw: np.ndarray
    model_digest: str | None = None
    probe: np.ndarray | None = None


@dataclass
class Run:
    """What one run of the stages gave, as far as it went.

    `scores` are the metrics stage's own words per fold; `opened` is `stage: kind: path`, kind read, write, connect,
    resolve or start. Both are what stage code says about itself.
    """

    frame: pd.DataFrame | None = None
    folds: list[Fold] = field(default_factory=list)
    fold_runs: list[FoldRun] = field(default_factory=list)
    scores: list[dict[str, float]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FittedModel:
    """A model file in its native, safe format; `features` are its input columns in order."""

    path: Path
    flavor: str
    sha256: str
    size: int
    train_rows: int
    features: tuple[str, ...] = ()


class Pipeline:
    """A use case bound to a code tree on disk; its stages run confined, each run in a fork of its own.

    The process starts when it is first needed and ends with `close` or the `with` block. `runs` counts how often each
    stage was really executed, `seconds` how long that took.
    """

    def __init__(
        self,
        settings: Settings,
        contract: Contract,
        *,
        root: Path | None = None,
        cache: bool = True,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.settings, self.contract = settings, contract
        self.root = (root or settings.root).resolve()
        self.runs: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.code_digest: str = code_digest(self.root)
        self._cache = Cache(settings, contract, self.root, self.code_digest) if cache else None
        self._host: Host | None = None
        self._progress = progress or (lambda text: None)
        self._written: dict[str, None] = {}
        self._kept: dict[int, tuple[pd.DataFrame | None, str]] = {}
        self._numbers = itertools.count()
        self._writing = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the confined process; the next call would start a new one."""
        host, self._host = self._host, None
        self._written.clear()
        self._kept.clear()
        if host is not None:
            host.close()

    def keep(self, *given: pd.DataFrame) -> None:
        """Frames that the caller won't change any more: they needn't be written again for each run."""
        self._kept.update((id(frame), (frame, "")) for frame in given)

    def warm(self) -> None:
        """Starts the process meanwhile; whoever asks first waits for it, and is told what went wrong."""
        threading.Thread(target=self._confined().start, daemon=True).start()

    @property
    def import_seconds(self) -> float:
        """How long importing the stages took, which every run of the pipeline has to do; 0 where it hasn't been done yet."""
        return self._host.import_seconds if self._host else 0.0

    @property
    def output(self) -> str:
        """The end of what the stages printed during the last request: untrusted text."""
        return self._host.output() if self._host else ""

    def load(self, *, check: bool = True) -> dict[str, pd.DataFrame]:
        """The source tables, as the load stage returns them, their index positional.

        Raises PipelineError when a declared table, its time column or a declared column isn't there, a table is
        undeclared, or a table is empty; `check=False` leaves that to the caller.
        """
        tables = self._cache.tables() if self._cache else None
        if tables is None:
            self._progress("load")
            answer, out = self._ask({"ask": "load"}, Loaded)
            tables = {name: _result(out / f"table-{i}", "load") for i, name in enumerate(answer.tables)}
            if self._cache:
                self._cache.keep_tables(tables, answer.files.get("load", []))
        if check:
            check_tables(self.contract, tables)
        return tables

    def run(
        self,
        tables: Tables,
        *,
        until: Until = "metrics",
        folds: Sequence[Fold] | None = None,
        frame: pd.DataFrame | None = None,
        probe: pd.DataFrame | None = None,
        reuse: bool = False,
    ) -> Run:
        """One fresh run: validate → preprocess → features → split → (per fold) fit → predict → postprocess → metrics.

        `frame` takes the place of the stages up to features, `folds` of the split; `probe` is predicted by each fold's
        model, too. Really runs each time, so that two runs show what varies by itself; `reuse=True` takes an earlier
        result of the same code on the same input where there is one. Raises PipelineError.
        """
        self._taken_apart()
        request: dict[str, Any] = {"ask": "run", "until": until}
        ids: dict[str, str] = {}
        if frame is None:
            ids = {f"table {name}": self._put(table, f"table `{name}`", named=reuse) for name, table in tables.items()}
            request["tables"] = {name: str(self._input(ids[f"table {name}"])) for name in tables}
        for key, given in (("frame", frame), ("probe", probe)):
            if given is not None:
                ids[key] = self._put(given, f"the {key}", named=reuse)
                request[key] = str(self._input(ids[key]))
        if folds is not None:
            ids["folds"], request["folds"] = self._put_folds(folds, named=reuse)
        key = self._cache.run_key(until, ids) if self._cache and reuse else ""
        if key and self._cache and (kept := self._cache.run(key)) is not None:
            return _read_run(Ran.model_validate(kept[0]), kept[1], frame, folds)
        self._progress(f"run until {until}")
        answer, out = self._ask(request, Ran)
        self._forget_old_inputs()
        if key and self._cache:
            self._cache.keep_run(key, answer.model_dump(), out)
        return _read_run(answer, out, frame, folds)

    def fit_final(self, frame: pd.DataFrame, destination: Path) -> FittedModel:
        """Fits on all given rows and writes the model to `destination` in its native format.

        Raises PipelineError for a model of a type that has no safe format here.
        """
        self._taken_apart()
        self._progress("fit on all rows")
        answer, out = self._ask({"ask": "fit_final", "frame": str(self._input(self._put(frame, "the frame")))}, Fitted)
        try:
            content = frames.read_regular(out / "model", _FRAME_LIMIT)
        except ValueError as error:
            raise PipelineError(f"Stage `fit` left no model: {error}.", "run it again", stage="fit") from None
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=destination.parent, delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        Path(file.name).replace(destination)
        return FittedModel(
            path=destination,
            flavor=answer.flavor,
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            train_rows=len(frame),
            features=tuple(answer.features),
        )

    def measure(self, entry: str, predictions: np.ndarray, frame: pd.DataFrame) -> float:
        """A metric of the use case's own on some rows: `entry` is called with (outcomes, predictions, frame).

        Raises PipelineError where it fails or doesn't return a number.
        """
        made = self._put(pd.DataFrame({"predictions": predictions}), "the predictions")
        request = {"ask": "measure", "entry": entry, "predictions": str(self._input(made))}
        answer, _ = self._ask({**request, "frame": str(self._input(self._put(frame, "the frame")))}, Measured)
        return answer.value

    def baseline(self, entry: str, train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
        """A baseline of the use case's own: `entry` is called with the training rows and the rows to answer, without their
        outcomes; one value per row. Raises PipelineError."""
        blind = rows.drop(columns=[self.contract.prediction.target])
        request = {"ask": "baseline", "entry": entry, "rows": str(self._input(self._put(blind, "the rows")))}
        _, out = self._ask({**request, "frame": str(self._input(self._put(train, "the training rows")))}, Answer)
        made: np.ndarray = _result(out / "frame", "metrics")["predictions"].to_numpy(copy=True)
        if len(made) != len(rows):
            raise PipelineError(f"`{entry}` gave {len(made)} values for {len(rows)} rows.", "return one per row", stage="metrics")
        return made

    def serve(self, tables: Tables, requests: Sequence[Mapping[str, Any]], *, times: Sequence[str] = ()) -> list[ServedRow]:
        """What the `serve` stage makes of each request (JSON values) from these tables, which are as `load` returns them.

        The keys `times` of a request are handed over as Timestamps rather than as text. A request that it can't answer comes
        back with the reason. Raises PipelineError where the contract has no such stage.
        """
        if self.contract.stages.serve is None:
            raise PipelineError(f"`{self.contract.name}` has no serve stage.", "name one in the contract", stage="serve")
        ids = {name: self._put(table, f"table `{name}`") for name, table in tables.items()}
        self._progress(f"serve {len(requests)} requests")
        asked = {"ask": "serve", "requests": [dict(request) for request in requests], "times": list(times)}
        answer, _ = self._ask({**asked, "tables": {name: str(self._input(i)) for name, i in ids.items()}}, Served)
        self._forget_old_inputs()
        if len(answer.answers) != len(requests):
            raise _unusable("not one for each request")
        return answer.answers

    def backtest(self, tables: Tables) -> pd.DataFrame:
        """For a contract with a backtest stage: its frame, with entity, time and target columns, `prediction` and `fold`."""
        if self.contract.stages.backtest is None:
            raise PipelineError(f"`{self.contract.name}` has no backtest stage.", "run its stages instead", stage="backtest")
        ids = {name: self._put(table, f"table `{name}`") for name, table in tables.items()}
        self._progress("backtest")
        _, out = self._ask({"ask": "backtest", "tables": {name: str(self._input(i)) for name, i in ids.items()}}, Answer)
        return _result(out / "frame", "backtest")

    def _taken_apart(self) -> None:
        if self.contract.stages.backtest is not None:
            raise PipelineError(
                f"`{self.contract.name}` has a backtest stage and can't be run stage by stage.",
                "use its back-test, or take the code apart into features, split, fit and predict",
                stage="backtest",
            )

    def _ask(self, request: dict[str, Any], kind: type[AnswerKind]) -> tuple[AnswerKind, Path]:
        said, out = self._confined().ask(request)
        try:
            answer = kind.model_validate(said)
        except ValidationError as error:
            raise _unusable(f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from None
        self.runs.update(answer.ran)
        for stage, seconds in answer.seconds.items():
            self.seconds[stage] += seconds  # type: ignore[assignment]
        return answer, out

    def _confined(self) -> Host:
        if self._host is None:
            self._host = Host(self.settings, self.contract, self.root)
        return self._host

    def _put(self, frame: pd.DataFrame, what: str, *, named: bool = False) -> str:
        """Writes a frame for the stages to read, and returns its name: its content's id where `named`.

        What `keep` was told of is written once.
        """
        with self._writing:
            kept, name = self._kept.get(id(frame), (None, ""))
            if name not in self._written or (named and name.startswith("frame-")):
                name = self._written_anew(frame, what, named)
                if kept is not None:
                    self._kept[id(frame)] = (kept, name)
            self._written.pop(name, None)
            self._written[name] = None  # at the end: used last
            return name

    def _written_anew(self, frame: pd.DataFrame, what: str, named: bool) -> str:
        try:
            table = frames.encode(frame)
        except frames.Unwritable as reason:
            raise PipelineError(f"{what[0].upper()}{what[1:]}: {reason}.", "give it plain columns", stage="load") from None
        name = frames.content_id(table) if named else f"frame-{next(self._numbers)}"
        if name not in self._written:
            path = self._input(name)
            frames.write(table, path)
            path.chmod(0o444)
        return name

    def _forget_old_inputs(self) -> None:
        """A changed world is run once; what was used longest ago makes room, so that an audit doesn't fill the disk."""
        while len(self._written) > _KEPT_INPUTS:
            oldest = next(iter(self._written))
            del self._written[oldest]
            self._input(oldest).unlink(missing_ok=True)

    def _input(self, content: str) -> Path:
        return self._confined().inputs / f"{content}.arrow"

    def _put_folds(self, folds: Sequence[Fold], *, named: bool) -> tuple[str, dict[str, Any]]:
        sides = [np.asarray(side, dtype="int64") for fold in folds for side in (fold.train, fold.test)]
        lengths = [[len(fold.train), len(fold.test)] for fold in folds]
        content = self._put(pd.DataFrame({"position": np.concatenate(sides or [np.empty(0, "int64")])}), "the folds", named=named)
        return f"{content} {lengths}", {"path": str(self._input(content)), "lengths": lengths}


def check_tables(contract: Contract, tables: Mapping[str, pd.DataFrame]) -> None:
    """The loaded tables against the contract's sources. Raises PipelineError for the first thing that isn't there."""
    for name in tables:
        if name not in contract.sources:
            raise PipelineError(
                f"Stage `load` returned the table `{name}`, which the contract doesn't declare.",
                f"add [sources.{name}] with its time column or static = true to {contract.path}",
                stage="load",
            )
    for name, source in contract.sources.items():
        if name not in tables:
            close = ", ".join(tables) or "none"
            raise PipelineError(
                f"Stage `load` returned no table `{name}`, which the contract declares.", f"the tables are: {close}", stage="load"
            )
        there = list(tables[name].columns)
        needed = [source.time, *source.columns, *(column.known_at for column in source.columns.values())]
        for column in dict.fromkeys(needed):
            if column is not None and column not in there:
                raise PipelineError(
                    f"The table `{name}` has no column `{column}`, which the contract declares.",
                    f"its columns are: {', '.join(map(str, there[:30]))}",
                    stage="load",
                )
        if len(tables[name]) == 0:
            raise PipelineError(f"The table `{name}` is empty.", "look at where the load stage reads it from", stage="load")


def _result(path: Path, stage: str) -> pd.DataFrame:
    try:
        return frames.read_untrusted(path, _FRAME_LIMIT)
    except ValueError as error:
        raise PipelineError(f"Stage `{stage}` left a result that can't be used: {error}.", "run it again", stage=stage) from None


def _unusable(why: str) -> PipelineError:
    return PipelineError(f"The stages left an answer that can't be used: {why}.", "stage code must not write its own answers")


def _read_run(answer: Ran, out: Path, frame: pd.DataFrame | None, folds: Sequence[Fold] | None) -> Run:
    """A run's answer and files as a Run; what doesn't fit together is an error, not a guess."""
    whole = frame.reset_index(drop=True) if frame is not None else _result(out / "frame", "features")
    result = Run(frame=whole, scores=answer.scores, opened=answer.opened, seconds=answer.seconds)
    result.folds = list(folds) if folds is not None and answer.folds else _read_folds(answer, out, len(whole))
    for number, (fold, digest) in enumerate(zip(result.folds, answer.digests)):
        columns = _result(out / f"fold-{number}", "predict")
        if list(columns.columns) != ["predictions", "raw"] or len(columns) != len(fold.test):
            raise _unusable("predictions for other rows")
        one = FoldRun(fold, columns["predictions"].to_numpy(copy=True), columns["raw"].to_numpy(copy=True), digest)
        if (out / f"probe-{number}").exists():
            one.probe = _result(out / f"probe-{number}", "predict").iloc[:, 0].to_numpy(copy=True)
        result.fold_runs.append(one)
    return result


def _read_folds(answer: Ran, out: Path, rows: int) -> list[Fold]:
    if not answer.folds:
        return []
    positions = _result(out / "folds", "split").iloc[:, 0].to_numpy(copy=True)
    lengths = [length for fold in answer.folds for length in fold]
    if positions.dtype != np.dtype("int64") or sum(lengths) != len(positions):
        raise _unusable("folds of another size")
    if len(positions) and not 0 <= int(positions.min()) <= int(positions.max()) < rows:
        raise _unusable("folds outside the frame")
    sides = [positions[a:b] for a, b in itertools.pairwise(np.cumsum([0, *lengths]))]
    return [Fold(train, test) for train, test in zip(sides[::2], sides[1::2])]
