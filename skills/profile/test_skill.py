"""Tests of the `profile` skill."""

from pathlib import Path

import pytest

from skills.profile.skill import Input, run
from workbench.errors import PipelineError
from workbench.gates.schema.profile import read_reference
from workbench.testing import make_workspace, skill_context

PATH = "pipelines/visits/reference.json"


def test_it_proposes_a_reference_that_the_schema_gate_reads_and_writes_nothing(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    output = run(skill_context(root), Input())
    text = output.edits[PATH]
    assert output.ok and text is not None and not (root / PATH).exists()
    assert output.tables["visits"].rows == 960 and "visits (960 rows, 3 columns)" in output.summary
    (root / PATH).write_text(text)
    reference = read_reference(root, "visits")
    assert reference is not None and set(reference.tables["visits"].columns) == {"door", "hour", "visitors"}
    assert len(text.splitlines()) < 30, "one line a column"


def test_a_reference_that_is_up_to_date_needs_no_edit(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    text = run(skill_context(root), Input()).edits[PATH]
    assert text is not None
    (root / PATH).write_text(text)
    again = run(skill_context(root), Input())
    assert again.edits == {} and "up to date" in again.summary


def test_tables_that_cannot_be_loaded_are_an_error(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pipelines/visits/data.py": ("return {", "raise RuntimeError('no tables'); return {")})
    with pytest.raises(PipelineError, match="no tables"):
        run(skill_context(root), Input())
