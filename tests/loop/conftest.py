"""A small workspace that several tests read, and none writes to."""

from __future__ import annotations

import pytest
from house import House, make_house


@pytest.fixture(scope="package")
def broken_house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Its `fit` names what nobody defines."""
    edits = {"pipelines/visits/model.py": ("num_boost_round=30", "num_boost_round=thirty")}
    return make_house(tmp_path_factory.mktemp("broken"), edits)
