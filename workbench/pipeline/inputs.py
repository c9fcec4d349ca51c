"""Frames written for the confined process to read: each once by content or identity, the oldest forgotten.

A frame's file goes by its content's id or by a number. What a request names stays until the request is over.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.pipeline import frames
from workbench.pipeline.results import Fold

_KEPT = 16


class Inputs:
    """The input files of one use case's process, in the directory that `place` returns (which is made when first needed)."""

    def __init__(self, place: Callable[[], Path]) -> None:
        self._place = place
        self._written: dict[str, None] = {}
        self._named: Counter[str] = Counter()
        self._kept: dict[int, tuple[pd.DataFrame | None, str]] = {}
        self._numbers = itertools.count()
        self._one_at_a_time = threading.Lock()

    def keep(self, *given: pd.DataFrame) -> None:
        """Frames that the caller won't change any more: they needn't be written again for each run."""
        self._kept.update((id(frame), (frame, "")) for frame in given)

    def forget(self) -> None:
        """The directory is gone."""
        with self._one_at_a_time:
            self._written.clear()
            self._kept.clear()

    @contextmanager
    def request(self) -> Iterator[Given]:
        """For one request: what is put stays until its end."""
        given = Given(self)
        try:
            yield given
        finally:
            with self._one_at_a_time:
                self._named.subtract(given.names)
                self._named += Counter()
                self._make_room()

    def write(self, frame: pd.DataFrame, what: str, *, named: bool) -> str:
        """Writes a frame unless it is there, and returns its name: its content's id where `named`. Raises PipelineError."""
        with self._one_at_a_time:
            kept, name = self._kept.get(id(frame), (None, ""))
            if name not in self._written or (named and name.startswith("frame-")):
                name = self._written_anew(frame, what, named)
                if kept is not None:
                    self._kept[id(frame)] = (kept, name)
            self._written.pop(name, None)
            self._written[name] = None  # at the end: used last
            self._named[name] += 1
            return name

    def path(self, name: str) -> Path:
        """The file of that name."""
        return self._place() / f"{name}.arrow"

    def _written_anew(self, frame: pd.DataFrame, what: str, named: bool) -> str:
        try:
            table = frames.encode(frame)
        except frames.Unwritable as reason:
            raise PipelineError(f"{what[0].upper()}{what[1:]}: {reason}.", "give it plain columns", stage="load") from None
        name = frames.content_id(table) if named else f"frame-{next(self._numbers)}"
        if name not in self._written:
            path = self.path(name)
            frames.write(table, path)
            with contextlib.suppress(PermissionError):  # a confined skill changes no modes; the stages can't write here anyway
                path.chmod(0o444)
        return name

    def _make_room(self) -> None:
        """A changed world is run once; what was used longest ago makes room, so that an audit doesn't fill the disk."""
        spare = [name for name in self._written if not self._named[name]]
        for name in spare[: max(0, len(self._written) - _KEPT)]:
            del self._written[name]
            self.path(name).unlink(missing_ok=True)


class Given:
    """What one request hands over. `ids`: each thing by the name of its content, for looking up an earlier result."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self.names: list[str] = []
        self.ids: dict[str, str] = {}

    def put(self, frame: pd.DataFrame, what: str, *, named: bool = False) -> str:
        """Hands a frame over; returns its file."""
        name = self._inputs.write(frame, what, named=named)
        self.names.append(name)
        self.ids[what] = name
        return str(self._inputs.path(name))

    def put_tables(self, tables: Mapping[str, pd.DataFrame], *, named: bool = False) -> dict[str, str]:
        """Hands tables over; returns their files by table."""
        return {name: self.put(table, f"table `{name}`", named=named) for name, table in tables.items()}

    def put_folds(self, folds: Sequence[Fold], *, named: bool = False) -> dict[str, Any]:
        """Hands folds over as one file of positions and the lengths of its parts."""
        sides = [np.asarray(side, dtype="int64") for fold in folds for side in (fold.train, fold.test)]
        lengths = [[len(fold.train), len(fold.test)] for fold in folds]
        positions = np.concatenate(sides or [np.empty(0, "int64")])
        path = self.put(pd.DataFrame({"position": positions}), "the folds", named=named)
        self.ids["the folds"] += f" {lengths}"
        return {"path": path, "lengths": lengths}
