"""Fresh checkouts of trees, one directory a tree, made once and never written to again.

Data that isn't under version control (`data` in the settings) is linked into each checkout, so that a stage finds it at
the same place relative to its code as in the workspace.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from workbench.pipeline.checkouts import check_out
from workbench.settings import Settings


def checkout(settings: Settings, tree: str) -> Path:
    """The directory that holds exactly the files of `tree`; made if it isn't there yet, whole or not at all."""
    place = settings.state / "trees" / tree
    if place.is_dir():
        return place
    fresh = place.with_name(f".{tree}-{uuid.uuid4().hex[:8]}")
    fresh.parent.mkdir(parents=True, exist_ok=True)
    check_out(settings, tree, fresh)
    try:
        os.replace(fresh, place)  # noqa: PTH105 (fails where another process was faster, and then its checkout is as good)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not place.is_dir():
            raise
    return place
