"""The approved code of a registered version, in this process: a fresh checkout of its code tree, and its stages imported.

Serving runs the same stage code as training did. It is code that was applied under policy and sign-off and whose model was
promoted; nothing else is imported here. Agent-written code that nobody approved runs in the sandbox (`pipeline.runner`).
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.pipeline.checkouts import check_out
from workbench.pipeline.contract import Contract, load_contract
from workbench.pipeline.stages import StageFault, Stages, resolved
from workbench.settings import Settings

USED = ("load", "validate", "preprocess", "features", "predict", "postprocess", "serve")
"""The stages that answering a request takes; the others aren't imported for their own sake."""

_IMPORTING = threading.Lock()


class Code:
    """A use case's contract and stages, imported from a checkout of one code tree.

    Raises PipelineError where a stage isn't there, doesn't import, raises, or returns what it must not.
    """

    def __init__(self, root: Path, use_case: str, tree: str) -> None:
        self.tree = tree
        self.contract: Contract = load_contract(root, use_case)
        if self.contract.stages.backtest is not None:
            raise PipelineError(
                f"{use_case} is one opaque backtest stage: there is nothing to serve.",
                "take it apart into features, split, fit and predict",
            )
        prediction = self.contract.prediction
        keys = [*prediction.entity, *([prediction.target_time] if prediction.target_time else [])]
        entries = {name: entry for name, entry in self.contract.stages.entries().items() if name in USED}
        with _translated(), _IMPORTING, _first_on_path(root, entries.values()):
            calls = resolved(entries, str(root))
        self._stages = Stages(calls, str(root), prediction.target, keys)

    def has(self, stage: str) -> bool:
        """Whether the contract names this stage."""
        return stage in self._stages.calls

    def load(self) -> dict[str, pd.DataFrame]:
        """The source tables."""
        with _translated():
            return self._stages.tables("load")

    def frame(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The feature frame, by the same stages in the same order as in training. The tables aren't changed."""
        with _translated():
            return self._stages.frame({name: table.copy() for name, table in tables.items()})

    def predict(self, model: Any, rows: pd.DataFrame) -> np.ndarray[Any, Any]:
        """One prediction a row, after `postprocess` where there is one. `rows` aren't changed."""
        with _translated():
            predictions = self._stages.predicted("predict", rows, model, rows.copy())
            if self.has("postprocess"):
                predictions = self._stages.predicted("postprocess", rows, predictions, rows.copy())
            return predictions

    def serve(self, request: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> Mapping[str, Any]:
        """What the `serve` stage makes of a request: feature → value."""
        with _translated():
            made = self._stages.call("serve", dict(request), {name: table.copy() for name, table in tables.items()})
        if not isinstance(made, Mapping):
            raise PipelineError(f"Stage `serve` returned a {type(made).__name__}.", "return a mapping of features", stage="serve")
        return made


class Checkouts:
    """Checkouts of code trees for one server process, removed when it ends; those of killed ones are removed at the start."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._base = settings.state / "served"
        self._own = self._base / str(os.getpid())

    def __enter__(self) -> Checkouts:
        self._base.mkdir(parents=True, exist_ok=True)
        for left in self._base.iterdir():
            if left == self._own or (left.name.isdigit() and not _alive(int(left.name))):
                shutil.rmtree(left, ignore_errors=True)
        self._own.mkdir(exist_ok=True)
        return self

    def __exit__(self, *exc: object) -> None:
        _forget(self._own, set())
        shutil.rmtree(self._own, ignore_errors=True)

    def code(self, use_case: str, tree: str) -> Code:
        """The code of `tree`, checked out from git's objects and imported."""
        place = self._own / tree
        if not place.is_dir():
            check_out(self._settings, tree, place)
        return Code(place, use_case, tree)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StageFault as fault:
        raise PipelineError(fault.message, fault.hint, stage=fault.stage, detail=fault.detail) from None


@contextlib.contextmanager
def _first_on_path(root: Path, entries: Iterable[str]) -> Iterator[None]:
    """Puts `root` first on the import path, with no module of the entries' packages from anywhere else in the way.

    Functions of earlier roots keep their own module globals, so a version that is still answering isn't disturbed.
    """
    names = {entry.partition(":")[0].partition(".")[0] for entry in entries}
    _forget(root.parent, {name for name in names if (root / name).is_dir() or (root / f"{name}.py").is_file()})
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = written


def _forget(place: Path, names: set[str]) -> None:
    """Takes `place` off the import path, and out of the loaded modules what lies below it or is of one of these packages."""
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if name.partition(".")[0] in names or (origin and Path(origin).is_relative_to(place)):
            del sys.modules[name]
    sys.path[:] = [path for path in sys.path if not path or not Path(path).is_relative_to(place)]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
