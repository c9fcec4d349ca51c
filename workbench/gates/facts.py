"""What the rules of one audit share: the base run, its noise, the times of rows, names and places for findings.

Everything that costs something is computed once, when it is first asked for. Judging is the rules' part.
"""

from __future__ import annotations

import ast
import contextlib
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.findings import Location, Rows
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.pipeline.results import Fold, FoldRun, Run
from workbench.pipeline.times import label_known_times, nanoseconds, prediction_times, target_times

if TYPE_CHECKING:
    from workbench.pipeline.contract import Contract
    from workbench.pipeline.runner import Pipeline
    from workbench.sessions.heldout import HeldOut
    from workbench.sessions.touches import Looks
    from workbench.settings import Settings

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

T = TypeVar("T")
Counting = Callable[["HeldOut", str], "Looks | None"]
"""(test rows, code digest) → how often these rows have been looked at, this evaluation included; None where nobody counts."""
NEVER = np.iinfo(np.int64).max
MAX_EXAMPLES = 3


@dataclass(frozen=True)
class RowTimes:
    """Per row of the feature frame, by position, nanoseconds since 1970 in UTC: what it is about, when it is predicted,
    when its label is known."""

    target: Ints
    prediction: Ints
    known: Ints


class Audit:
    """One use case under audit. `base` is the run as it stands, `repeat` its split again in a fresh process."""

    def __init__(
        self,
        *,
        settings: Settings,
        contract: Contract,
        pipeline: Pipeline,
        root: Path,
        progress: Callable[[str], None],
        quick: bool = False,
        looks: Counting | None = None,
    ) -> None:
        self.looks = looks
        self.quick = quick
        self.settings = settings
        self.contract = contract
        self.pipeline = pipeline
        self.root = root
        self.progress = progress
        self.tables: dict[str, pd.DataFrame] = {}
        self.pipeline_seconds = 0.0
        self.base_seconds = 0.0
        """Of the audit's own time, what loading and the base run took."""
        self.facts: dict[str, list[str]] = {}
        self.probes: dict[str, tuple[int, str]] = {}
        self.scores: dict[str, float] = {}
        self._here = threading.local()
        self._once: dict[str, Any] = {}
        # Gates run in two threads; a fact is a thread's while it is computed, and the other waits for it.
        self._owned: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._noting = threading.Lock()
        self._base: Run | None = None

    def prepare(self) -> None:
        """Loads the tables and runs the pipeline once to its end. Raises PipelineError where it can't."""
        begin = time.perf_counter()
        self.pipeline.warm()
        self.tables = self.pipeline.load()
        self.pipeline.keep(*self.tables.values())
        loaded = self.pipeline.seconds["load"] or time.perf_counter() - begin
        # What a build has just run on the same code and tables isn't run again; `repeat` always is.
        base = self._backtest() if self.opaque else self.pipeline.run(self.tables, until="metrics", reuse=True)
        self._base = base
        if base.frame is not None:
            self.pipeline.keep(base.frame)
        self.pipeline_seconds = loaded + (sum(base.seconds.values()) or time.perf_counter() - begin)
        # Nothing was run where an earlier run of the same could be taken.
        self.base_seconds = time.perf_counter() - begin if self.pipeline.runs else 0.0

    def _backtest(self) -> Run:
        """An undivided back-test as a run: its frame, and a fold per value of `fold`, whose training rows nobody knows."""
        frame = self.pipeline.backtest(self.tables).reset_index(drop=True)
        if not len(frame):
            raise PipelineError("The back-test returned no prediction.", "look at its folds", stage="backtest")
        run = Run(frame=frame)
        for _, positions in sorted(
            frame.groupby("fold", sort=True, dropna=False).indices.items(), key=lambda pair: int(pair[1].min())
        ):
            fold = Fold(np.array([], dtype="int64"), np.asarray(positions, dtype="int64"))
            made = frame["prediction"].to_numpy()[fold.test]
            run.fold_runs.append(FoldRun(fold, made, made))
        return run

    # What was run ---------------------------------------------------------------------------------------------------

    @property
    def base(self) -> Run:
        """The run as it stands: frame, folds, predictions, and the scores that the pipeline's own code claims."""
        assert self._base is not None, "prepare() comes first"
        return self._base

    @property
    def opaque(self) -> bool:
        """Whether the pipeline is one `backtest` stage that nobody has taken apart."""
        return self.contract.stages.backtest is not None

    @cached_property
    def repeat(self) -> Run:
        """The split again in a fresh process, on the same feature frame; after all stages where it can't do without them.

        Raises NotApplicable for a back-test that is one stage.
        """
        self._taken_apart()
        try:
            return self.pipeline.run(self.tables, until="split", frame=self.frame)
        except PipelineError:
            return self.pipeline.run(self.tables, until="split")

    @property
    def frame(self) -> pd.DataFrame:
        """The feature frame; for a back-test that is one stage, the frame it returned."""
        if self.base.frame is None:
            raise NotExercised("the run gave no feature frame")
        return self.base.frame

    @property
    def folds(self) -> list[Fold]:
        """The folds of the split stage. Raises NotExercised where there are none, NotApplicable where nobody can see them."""
        self._taken_apart()
        if not self.base.folds:
            raise NotExercised("the split gave no fold")
        return self.base.folds

    def _taken_apart(self) -> None:
        if self.opaque:
            raise NotApplicable("the pipeline is one `backtest` stage; features, split and fit can't be seen inside it")

    # What the rows are ----------------------------------------------------------------------------------------------

    @cached_property
    def times(self) -> RowTimes:
        """Times of all rows. Raises NotApplicable where the contract has no time, NotExercised where rows lack theirs."""
        if self.contract.prediction.target_time is None:
            raise NotApplicable("the contract declares no target_time")
        frame = self.frame
        moments = [f(self.contract, frame) for f in (target_times, prediction_times, label_known_times)]
        empty = int(moments[0].isna().sum() + moments[1].isna().sum())
        if empty:
            raise NotExercised(f"{empty:,} rows of the feature frame have no target or prediction time")
        return RowTimes(*(nanoseconds(m, NEVER) for m in moments))

    @property
    def timed(self) -> bool:
        """Whether the contract declares a time."""
        return self.contract.prediction.target_time is not None

    @cached_property
    def keys(self) -> list[str]:
        """Columns that name a row: the entity, and the target time where there is one."""
        prediction = self.contract.prediction
        return [*prediction.entity, *([prediction.target_time] if prediction.target_time else [])]

    @cached_property
    def features(self) -> list[str]:
        """Columns that the model may use: the contract's list, else all but entity, times, target and groups."""
        self._taken_apart()
        prediction = self.contract.prediction
        if prediction.features is not None:
            return [name for name in prediction.features if name in self.frame.columns]
        aside = {*self.keys, prediction.prediction_time, prediction.target, *prediction.groups}
        return [str(name) for name in self.frame.columns if name not in aside]

    @cached_property
    def target(self) -> Floats:
        """The target by position as float64; classes that aren't numbers are numbered in sorted order; missing is NaN."""
        values = self.column(self.contract.prediction.target)
        if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
            numbers: Floats = values.astype("float64").to_numpy()
            return numbers
        codes, _ = pd.factorize(values, sort=True)
        return np.where(codes < 0, np.nan, codes.astype("float64"))

    def column(self, name: str) -> pd.Series:
        """A column of the frame. Raises NotExercised where the frame lacks it."""
        if name not in self.frame.columns:
            raise NotExercised(f"the feature frame has no column `{name}`, which the contract names")
        return self.frame[name]

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """What several rules need and only one should pay for: computed at the first call under this name.

        That it couldn't be computed is kept as well, and raised again.
        """
        with self._noting:
            owned = self._owned[name]
        with owned:
            if name not in self._once:
                try:
                    self._once[name] = compute()
                except (NotExercised, NotApplicable, PipelineError) as stop:
                    self._once[name] = stop
        value: T = self._once[name]
        if isinstance(value, NotExercised | NotApplicable | PipelineError):
            raise value
        return value

    # What findings say ----------------------------------------------------------------------------------------------

    def enter(self, gate: str) -> None:
        """The gate whose rules this thread asks from here on; `rest_on` and `probed` are noted for it."""
        self._here.gate = gate

    @property
    def _gate(self) -> str:
        return getattr(self._here, "gate", "")

    def rest_on(self, *facts: str) -> None:
        """Notes contract facts by their path (`prediction.horizon`) that the gate's verdict depends on."""
        noted = self.facts.setdefault(self._gate, [])
        for fact in facts:
            section, _, name = fact.rpartition(".")
            holder: Any = self.contract
            for part in section.split("."):
                holder = holder[part] if isinstance(holder, dict) else getattr(holder, part)
            value = getattr(holder, name)
            line = f"{fact} = {getattr(value, 'text', value)}"
            if value is not None and line not in noted:
                noted.append(line)

    def probed(self, count: int, what: str) -> None:
        """Notes how many places the gate looked at; the largest number counts."""
        if count >= self.probes.get(self._gate, (0, ""))[0]:
            self.probes[self._gate] = (count, what)

    def mentioned(self, stage: str) -> frozenset[str]:
        """Names and texts in the modules around a stage's code: columns that it reads are likely among them."""
        place = self.location(stage)
        if place is None:
            return frozenset()
        words: set[str] = set()
        for file in (self.root / place.path).parent.rglob("*.py"):
            with contextlib.suppress(OSError, ValueError):
                words.update(re.findall(r"\w+", file.read_text("utf-8")))
        return frozenset(words)

    def location(self, stage: str) -> Location | None:
        """Where a stage's function is written: its file and the line of its `def`, found without importing it."""
        entry = getattr(self.contract.stages, stage, None) or getattr(self.contract.stages, stage + "_", None)
        if not isinstance(entry, str) or ":" not in entry:
            return None
        module, name = entry.split(":", 1)
        for path in (module.replace(".", "/") + ".py", module.replace(".", "/") + "/__init__.py"):
            file = self.root / path
            if file.is_file():
                return Location(path=path, line=_line_of(file, name.split(".")[0]))
        return None

    def rows(self, positions: Ints | Sequence[int], of: int, extra: Sequence[str] = ()) -> Rows:
        """Evidence: how many rows, and the first few of them written out by key (and the `extra` columns)."""
        columns = [c for c in dict.fromkeys([*self.keys, *extra]) if c in self.frame.columns]
        chosen = self.frame[columns].iloc[list(positions[:MAX_EXAMPLES])]
        examples = [{str(k): str(v) for k, v in row.items()} for row in chosen.to_dict("records")]
        return Rows(count=len(positions), of=of, examples=examples)


def _line_of(file: Path, name: str) -> int | None:
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            return node.lineno
    return None
