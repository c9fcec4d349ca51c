"""Subjects whose features stage is a callable of the test: the changed worlds run in this process, without a host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tests.gates import shop
from workbench.errors import PipelineError
from workbench.gates.facts import Audit
from workbench.gates.leakage.future_feature import explore
from workbench.pipeline.contract import Contract
from workbench.pipeline.results import Run
from workbench.pipeline.runner import Pipeline
from workbench.settings import Settings


def subject_of(
    build: Callable[[shop.Tables], pd.DataFrame],
    declared: Contract | None = None,
    tables: dict[str, pd.DataFrame] | None = None,
) -> Audit:
    """An Audit of the daily shop of `shop.py` (or of the given contract and tables); its features gate has been asked."""
    declared, tables = declared or shop.contract(), tables or shop.tables()
    settings = Settings(root=Path("/nonexistent"))
    pipeline = Pipeline(settings, declared, cache=False)
    subject = Audit(settings=settings, contract=declared, pipeline=pipeline, root=settings.root, progress=lambda words: None)

    def stage(world: shop.Tables) -> pd.DataFrame:
        try:
            return build({name: table.copy() for name, table in world.items()})
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise PipelineError(f"features failed: {error}", stage="features") from error

    subject.tables = tables
    subject._base = Run(frame=stage(tables).reset_index(drop=True))
    subject.enter("test")
    if declared.prediction.target_time is not None:
        subject.once("explored", lambda: explore(declared, subject.tables, subject.frame, stage))
    return subject
