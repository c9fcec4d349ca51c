"""Which rows an evaluation was tested on, read off a run: their keys and outcomes, and the tables behind them.

Two evaluations on the same rows have the same digest whatever code made the features. Who counts looks at them is in
`sessions/touches.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.pipeline import frames
from workbench.pipeline.asof import entity_keys
from workbench.pipeline.times import nanoseconds, target_times
from workbench.sessions.heldout import SKETCH, HeldOut

if TYPE_CHECKING:
    from workbench.pipeline.contract import Contract

_NO_TIME = np.iinfo(np.int64).max


def held_out(contract: Contract, tables: Mapping[str, pd.DataFrame], frame: pd.DataFrame, tests: Sequence[np.ndarray]) -> HeldOut:
    """The test set of an evaluation: `tests` holds each fold's test positions in the feature frame.

    Raises PipelineError where the frame's times can't be read.
    """
    prediction = contract.prediction
    columns: dict[str, object] = {"entity": entity_keys(frame, prediction.entity)}
    if prediction.target_time is not None:
        columns["time"] = nanoseconds(target_times(contract, frame), _NO_TIME)
    outcome = frame[prediction.target].reset_index(drop=True)
    columns["outcome"] = outcome.astype("float64") if pd.api.types.is_numeric_dtype(outcome.dtype) else outcome.astype(str)
    hashed = pd.util.hash_pandas_object(pd.DataFrame(columns), index=False).to_numpy(dtype="uint64")
    digest = hashlib.sha256()
    for positions in tests:
        digest.update(np.sort(hashed[positions]).tobytes() + b"/")
    rows = np.unique(hashed[np.concatenate([*tests, np.empty(0, dtype="int64")]).astype("int64")])
    return HeldOut(
        digest=digest.hexdigest(), rows=len(rows), sketch=[int(row) for row in rows[:SKETCH]], tables=tables_digest(tables)
    )


def tables_digest(tables: Mapping[str, pd.DataFrame]) -> str:
    """SHA-256 (hex) over names, types and values of the source tables."""
    contents = [f"{name} {frames.content_id(frames.encode(table))}" for name, table in sorted(tables.items())]
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()
