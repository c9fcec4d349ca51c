"""Whether a cure works: the edited code is run in the very worlds in which the leak was seen, then the rule is asked.

The first part is cheap and turns most wrong candidates down; only what passes it pays for the rule. All of it runs on the
tables as they are loaded now: a cure of features doesn't touch how they are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.findings import Finding, MovedCell, Severity
from workbench.gates.comparison import Reference
from workbench.gates.leakage.future_feature import examine
from workbench.gates.rule import NotExercised
from workbench.loop.trial import edited_copy
from workbench.pipeline.asof import Cut, KnownTimes, known_times
from workbench.pipeline.contract import Contract, load_contract
from workbench.pipeline.runner import Pipeline
from workbench.pipeline.worlds import poisoned, truncated
from workbench.skills.run import SkillContext

LEFT = 0.1
"""The share of a column's values that a cure has to leave."""


class Bench:
    """The tree as it is, its tables and its frame; candidates are held against them. A context manager."""

    def __init__(self, context: SkillContext, contract: Contract, leaks: Sequence[Finding]) -> None:
        self.context, self.contract, self.leaks = context, contract, leaks
        self.columns = {str(finding.column) for finding in leaks}
        self.tables: dict[str, pd.DataFrame] = {}
        self.frame = pd.DataFrame()
        self._worlds: dict[pd.Timestamp, list[dict[str, pd.DataFrame]]] = {}
        self._known: KnownTimes | None = None

    def __enter__(self) -> Bench:
        with Pipeline(self.context.settings, self.contract, root=self.context.root) as pipeline:
            self.tables = pipeline.load()
            frame = pipeline.run(self.tables, until="features").frame
        if frame is None:
            raise PipelineError("The features stage returned no frame.", "return a DataFrame", stage="features")
        self.frame = frame
        self._known = known_times(self.contract, self.tables)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._worlds.clear()

    def proof(self, column: str, edits: Mapping[str, str]) -> str:
        """Nothing where `column` no longer moves, all else is as it was and the rule agrees; else why not."""
        self.context.say(f"try a cure of {column} on a copy")
        with edited_copy(self.context.settings, self.context.root, edits) as copy:
            try:
                contract = load_contract(copy, self.context.use_case)
                with Pipeline(self.context.settings, contract, root=copy) as pipeline:
                    frame = pipeline.run(self.tables, until="features").frame
                    if frame is None:
                        return "the features stage returned no frame"
                    return self._screened(column, contract, pipeline, frame) or self._judged(column, contract, pipeline)
            except PipelineError as error:
                return f"{error.stage or 'pipeline'}: {error.message}"

    def _screened(self, column: str, contract: Contract, pipeline: Pipeline, frame: pd.DataFrame) -> str:
        """Holds the edited features against today's frame, and runs them in the worlds of the evidence."""
        why = self._changed_else(frame)
        if why or column not in frame.columns:
            return why
        if frame[column].notna().mean() < LEFT * self.frame[column].notna().mean() or (
            frame[column].nunique() <= 1 < self.frame[column].nunique()
        ):
            return "it leaves next to nothing in the column"
        reference = Reference(contract, frame, [column])
        for cutoff in self._cutoffs(column):
            for world in self._worlds_at(cutoff):
                again = pipeline.run(world, until="features").frame
                if again is None or len(reference.compare(again, Cut.of(cutoff)).moved.get(column, [])):
                    return f"`{column}` still moves with what was not known at {cutoff:%Y-%m-%d %H:%M}"
        return ""

    def _judged(self, column: str, contract: Contract, pipeline: Pipeline) -> str:
        """The rule itself on the edited code, which has to build up to its predictions."""
        base = pipeline.run(self.tables, until="predict")
        assert base.frame is not None

        def build(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
            frame = pipeline.run(tables, until="features").frame
            if frame is None:
                raise PipelineError("The features stage returned no frame.", "return a DataFrame", stage="features")
            return frame

        try:
            found = examine(contract, self.tables, base.frame, build)
        except NotExercised as stop:
            return stop.reason
        waiting = self.columns - {column}
        left = [f for f in found if f.severity is Severity.ERROR and (f.column == column or f.column not in waiting)]
        return left[0].message if left else ""

    def _changed_else(self, frame: pd.DataFrame) -> str:
        others = [name for name in self.frame.columns if name not in self.columns]
        missing = [name for name in others if name not in frame.columns]
        if missing:
            return f"it loses the column `{missing[0]}`"
        if len(frame) != len(self.frame):
            return f"it changes which rows there are: {len(frame)} instead of {len(self.frame)}"
        for name in others:
            if not _same(self.frame[name], frame[name]):
                return f"it changes the column `{name}`, too"
        return ""

    def _cutoffs(self, column: str) -> list[pd.Timestamp]:
        cells = [e for f in self.leaks if f.column == column for e in f.evidence if isinstance(e, MovedCell)]
        return list(dict.fromkeys(pd.Timestamp(cell.cutoff) for cell in cells))

    def _worlds_at(self, cutoff: pd.Timestamp) -> list[dict[str, pd.DataFrame]]:
        assert self._known is not None
        if cutoff not in self._worlds:
            world = [truncated(self.tables, self._known, cutoff), poisoned(self.tables, self._known, cutoff, seed=1)]
            self._worlds[cutoff] = world
        return self._worlds[cutoff]


def _same(before: pd.Series, after: pd.Series) -> bool:
    if before.dtype != after.dtype and not (pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after)):
        return False
    if pd.api.types.is_float_dtype(before) or pd.api.types.is_float_dtype(after):
        mine, theirs = before.to_numpy("float64", na_value=np.nan), after.to_numpy("float64", na_value=np.nan)
        return bool(np.allclose(mine, theirs, rtol=1e-9, atol=0.0, equal_nan=True))
    return bool(before.reset_index(drop=True).equals(after.reset_index(drop=True)))
