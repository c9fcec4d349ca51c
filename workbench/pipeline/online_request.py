"""The request that a `serve` stage gets: what is asked for, in the form in which it comes in over HTTP.

One form for the service (`release/online.py`) and for the gate that holds it against training (`gates/parity/`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.pipeline.contract import Contract

PREDICTION_TIME = "prediction_time"
"""The key of the prediction's time where the contract names no column of its own for it."""


def online_request(
    contract: Contract, entity: Sequence[Any], target_time: datetime | None, prediction_time: datetime | None
) -> dict[str, Any]:
    """Entity values by column, and both times (aware, UTC) as ISO 8601 text; without a time the entity alone."""
    prediction = contract.prediction
    request: dict[str, Any] = dict(zip(prediction.entity, entity, strict=True))
    if prediction_time is not None:
        request[prediction.prediction_time or PREDICTION_TIME] = prediction_time.isoformat()
    if prediction.target_time is not None and target_time is not None:
        request[prediction.target_time] = target_time.isoformat()
    return request
