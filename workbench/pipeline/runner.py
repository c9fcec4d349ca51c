"""A use case bound to a code tree: load its tables, run its stages on any tables, fit its model for release.

What is run, and what came of it, in the gates' terms. The process it runs in is `host.py`, how frames cross is
`frames.py`, what is kept from earlier is `cache.py`. No number that stage code reports is trusted here or made up here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import numpy as np
import pandas as pd
from pydantic import ValidationError

from workbench.errors import PipelineError
from workbench.pipeline import frames
from workbench.pipeline.answers import Answer, Fitted, Judged, Loaded, Measured, Prepared, Ran, Served, ServedRow
from workbench.pipeline.cache import Cache, code_digest
from workbench.pipeline.contract import Contract
from workbench.pipeline.hosts import Hosts
from workbench.pipeline.inputs import Inputs
from workbench.pipeline.results import FRAME_LIMIT, FittedModel, Fold, FoldRun, Run, read_result, read_run, unusable
from workbench.settings import Settings

AnswerKind = TypeVar("AnswerKind", bound=Answer)
Tables = Mapping[str, pd.DataFrame]
_SPENT: ContextVar[Counter[str] | None] = ContextVar("spent", default=None)
Known = Mapping[str, tuple[str, pd.DataFrame]]
"""Tables that a caller has already, each with the id of its content (`known_tables`)."""
Until = Literal["features", "split", "fit", "predict", "metrics"]


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
        cover: Sequence[str] = (),
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.settings, self.contract = settings, contract
        self.root = (root or settings.root).resolve()
        self.runs: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.code_digest: str = code_digest(self.root)
        self.covered: dict[str, set[int]] = {}
        """For the files `cover` (relative to the root): the numbers of the arms that have run so far (`coverage.arms`)."""
        self._cover = tuple(cover)
        # What was kept has not run, and what is marked isn't the code that results are kept for.
        self._cache = Cache(settings, contract, self.root, self.code_digest) if cache and not cover else None
        self._left: list[str] = []
        """What was noted of other stages when `load` ran: they take what it leaves in a global."""
        self._hosts: Hosts | None = None
        self._over = False
        self._inputs = Inputs(lambda: self.hosts.inputs)
        self._progress = progress or (lambda text: None)
        self._counting = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the confined processes; the next call would start new ones."""
        hosts, self._hosts = self._hosts, None
        self._inputs.forget()
        if hosts is not None:
            hosts.close()

    def end(self) -> None:
        """Closes it for good: what another thread asks, now or later, fails."""
        self._over = True
        self.close()

    def keep(self, *given: pd.DataFrame) -> None:
        """Frames that the caller won't change any more: they needn't be written again for each run."""
        self._inputs.keep(*given)

    def warm(self, number: int = 1) -> None:
        """Starts that many processes meanwhile; whoever asks first waits for it, and is told what went wrong."""
        self.hosts.warm(number)

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """How often each stage is executed inside the block, by this thread or what carries its context on."""
        spent: Counter[str] = Counter()
        token = _SPENT.set(spent)
        try:
            yield spent
        finally:
            _SPENT.reset(token)

    @property
    def hosts(self) -> Hosts:
        """The confined processes, one to begin with."""
        if self._over:
            raise PipelineError(f"The stages of `{self.contract.name}` were ended.", "run it again")
        if self._hosts is None:
            self._hosts = Hosts(self.settings, self.contract, self.root, self._cover)
        return self._hosts

    @property
    def import_seconds(self) -> float:
        """How long importing the stages took, which every run of the pipeline has to do; 0 where it hasn't been done yet."""
        return self._hosts.import_seconds if self._hosts else 0.0

    @property
    def output(self) -> str:
        """The end of what the stages printed during the last request: untrusted text."""
        return self._hosts.output() if self._hosts else ""

    def load(self, *, check: bool = True, known: Known | None = None) -> dict[str, pd.DataFrame]:
        """The source tables, as the load stage returns them, their index positional.

        Raises PipelineError when a declared table, its time column or a declared column isn't there, a table is
        undeclared, or a table is empty; `check=False` leaves that to the caller. A table with the content of one of `known` is
        that one, and doesn't come over.
        """
        tables = self._cache.tables() if self._cache else None
        if tables is None:
            self._progress("load")
            with self._asked({"ask": "load", "known": _ids(known or {})}, Loaded) as (answer, out):
                tables = _received(out, "table", "load", answer.tables, known or {})
            self._left = [line for line in answer.opened if not line.startswith("load:")]
            if self._cache and not self._left:  # what is taken from where `load` has left it shows only when it runs
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
        with self._inputs.request() as given:
            if frame is None:
                request["tables"] = given.put_tables(tables, named=reuse)
            if frame is not None:
                request["frame"] = given.put(frame, "the frame", named=reuse)
            if probe is not None:
                request["probe"] = given.put(probe, "the probe", named=reuse)
            if folds is not None:
                request["folds"] = given.put_folds(folds, named=reuse)
            key = self._cache.run_key(until, given.ids) if self._cache and reuse else ""
            if key and self._cache and (kept := self._cache.run(key)) is not None:
                return self._seen(read_run(Ran.model_validate(kept[0]), kept[1], frame, folds))
            self._progress(f"run until {until}")
            with self._asked(request, Ran) as (answer, out):
                if key and self._cache:
                    self._cache.keep_run(key, answer.model_dump(), out)
                return self._seen(read_run(answer, out, frame, folds))

    def _seen(self, run: Run) -> Run:
        """The run, and what was noted of all stages when `load` ran."""
        run.opened = list(dict.fromkeys([*run.opened, *self._left]))
        return run

    def fit_final(self, frame: pd.DataFrame, destination: Path) -> FittedModel:
        """Fits on all given rows and writes the model to `destination` in its native format.

        Raises PipelineError for a model of a type that has no safe format here.
        """
        self._taken_apart()
        self._progress("fit on all rows")
        with self._inputs.request() as given:
            request = {"ask": "fit_final", "frame": given.put(frame, "the frame")}
            with self._asked(request, Fitted) as (answer, out):
                try:
                    content = frames.read_regular(out / "model", FRAME_LIMIT)
                except ValueError as error:
                    raise PipelineError(f"Stage `fit` left no model: {error}.", "run it again", stage="fit") from None
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=destination.parent, delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(PermissionError):  # a confined skill changes no modes
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

    def prepared(self, tables: Tables, *, known: Mapping[str, Known] | None = None) -> dict[str, dict[str, pd.DataFrame]]:
        """Stage → the tables after it, for `validate` and `preprocess` as far as there are such stages.

        A table with the content of one of `known` (by stage) is that one, and doesn't come over. Raises PipelineError.
        """
        known = known or {}
        ids = {stage: _ids(there) for stage, there in known.items()}
        self._taken_apart()
        self._progress("validate and preprocess")
        with (
            self._inputs.request() as given,
            self._asked({"ask": "prepared", "tables": given.put_tables(tables), "known": ids}, Prepared) as (answer, out),
        ):
            return {
                stage: _received(out, stage, stage, names, known.get(stage, {}))
                for stage, names in answer.prepared.items()
                if stage in ("validate", "preprocess")
            }

    def judged(self, frame: pd.DataFrame, given_folds: Sequence[FoldRun]) -> list[tuple[np.ndarray, dict[str, float]]]:
        """`postprocess` on the folds' raw predictions and `metrics` on their predictions, one pair each; nothing is fitted.

        So a change of the scorer is told apart from a change of the model. Raises PipelineError.
        """
        self._taken_apart()
        columns = {name: [getattr(fold, name) for fold in given_folds] for name in ("raw", "predictions")}
        made = pd.DataFrame({name: np.concatenate(parts or [np.empty(0)]) for name, parts in columns.items()})
        with self._inputs.request() as given:
            request = {
                "ask": "judged",
                "frame": given.put(frame, "the frame"),
                "predictions": given.put(made, "the predictions"),
                "folds": given.put_folds([fold.fold for fold in given_folds]),
            }
            with self._asked(request, Judged) as (answer, out):
                if len(answer.scores) != len(given_folds):
                    raise unusable("not one for each fold")
                finished = [read_result(out / f"fold-{n}", "postprocess").iloc[:, 0] for n in range(len(given_folds))]
                if [len(one) for one in finished] != [len(fold.fold.test) for fold in given_folds]:
                    raise unusable("predictions for other rows")
                return [(one.to_numpy(copy=True), scores) for one, scores in zip(finished, answer.scores)]

    def measure(self, entry: str, predictions: np.ndarray, frame: pd.DataFrame) -> float:
        """A metric of the use case's own on some rows: `entry` is called with (outcomes, predictions, frame).

        Raises PipelineError where it fails or doesn't return a number.
        """
        with self._inputs.request() as given:
            made = given.put(pd.DataFrame({"predictions": predictions}), "the predictions")
            request = {"ask": "measure", "entry": entry, "predictions": made, "frame": given.put(frame, "the frame")}
            with self._asked(request, Measured) as (answer, _):
                return answer.value

    def baseline(self, entry: str, train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
        """A baseline of the use case's own: `entry` is called with the training rows and the rows to answer, without their
        outcomes; one value per row. Raises PipelineError."""
        blind = rows.drop(columns=[self.contract.prediction.target])
        with self._inputs.request() as given:
            request = {"ask": "baseline", "entry": entry, "rows": given.put(blind, "the rows")}
            with self._asked({**request, "frame": given.put(train, "the training rows")}, Answer) as (_, out):
                made: np.ndarray = read_result(out / "frame", "metrics")["predictions"].to_numpy(copy=True)
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
        self._progress(f"serve {len(requests)} requests")
        asked = {"ask": "serve", "requests": [dict(request) for request in requests], "times": list(times)}
        with (
            self._inputs.request() as given,
            self._asked({**asked, "tables": given.put_tables(tables)}, Served) as (answer, _),
        ):
            if len(answer.answers) != len(requests):
                raise unusable("not one for each request")
            return answer.answers

    def backtest(self, tables: Tables) -> pd.DataFrame:
        """For a contract with a backtest stage: its frame, with entity, time and target columns, `prediction` and `fold`."""
        if self.contract.stages.backtest is None:
            raise PipelineError(f"`{self.contract.name}` has no backtest stage.", "run its stages instead", stage="backtest")
        self._progress("backtest")
        with (
            self._inputs.request() as given,
            self._asked({"ask": "backtest", "tables": given.put_tables(tables)}, Answer) as (_, out),
        ):
            return read_result(out / "frame", "backtest")

    def _taken_apart(self) -> None:
        if self.contract.stages.backtest is not None:
            raise PipelineError(
                f"`{self.contract.name}` has a backtest stage and can't be run stage by stage.",
                "use its back-test, or take the code apart into features, split, fit and predict",
                stage="backtest",
            )

    @contextmanager
    def _asked(self, request: dict[str, Any], kind: type[AnswerKind]) -> Iterator[tuple[AnswerKind, Path]]:
        """The answer and the directory of its files, which is there inside the block. Raises PipelineError."""
        with self.hosts.asked(request) as (said, out):
            try:
                answer = kind.model_validate(said)
            except ValidationError as error:
                raise unusable(f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from None
            with self._counting:
                self.runs.update(answer.ran)
                for path, arms in answer.covered.items():
                    self.covered.setdefault(path, set()).update(arms)
                for stage, seconds in answer.seconds.items():
                    self.seconds[stage] += seconds  # type: ignore[assignment]
                if (spent := _SPENT.get()) is not None:
                    spent.update(answer.ran)
            yield answer, out


def known_tables(tables: Tables) -> dict[str, tuple[str, pd.DataFrame]]:
    """Tables with the ids of their content, for `load` and `prepared`; those that can't be written are left out."""
    known = {}
    for name, table in tables.items():
        with contextlib.suppress(frames.Unwritable):
            known[name] = (frames.content_id(frames.encode(table)), table)
    return known


def _ids(known: Known) -> dict[str, str]:
    return {name: content for name, (content, _) in known.items()}


def _received(out: Path, prefix: str, stage: str, names: Sequence[str], known: Known) -> dict[str, pd.DataFrame]:
    """The tables an answer names: from their files, or those that were known; a stage may have changed only what it got."""
    tables = {}
    for number, name in enumerate(names):
        path = out / f"{prefix}-{number}"
        tables[name] = known[name][1] if name in known and not path.exists() else read_result(path, stage)
    return tables


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
