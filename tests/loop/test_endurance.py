"""Sessions that are killed again and again, with two processes going on at once, lose nothing and do nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "endurance.py"


@pytest.mark.slow
def test_a_few_dozen_kills() -> None:
    """The same as `benchmarks/endurance.py` for the published number of kills; here with fewer."""
    done = subprocess.run([sys.executable, BENCHMARK, "--kills", "40", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads(done.stdout)
    assert report["kills"] >= 40
    assert report["wrong"] == []
    assert report["distinct"] > 20
    assert len(report["nodes"]) >= 6, report["nodes"]
