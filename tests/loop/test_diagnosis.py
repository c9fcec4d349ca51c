"""Diagnoses: their order, their identity, and what a traceback is read as."""

from pathlib import Path

import pytest

from workbench.loop.diagnosis import CauseKind, Cure, Diagnosis, ranked
from workbench.loop.traceback_text import Frame, read_failure, workspace_path


def diagnosis(kind: CauseKind, cure: str | None = None, **more: str) -> Diagnosis:
    return Diagnosis(kind=kind, message=kind.value, cure=Cure(skill=cure) if cure else None, **more)  # type: ignore[arg-type]


def test_what_blocks_first_comes_first_and_what_can_be_cured_before_what_can_not() -> None:
    given = [
        diagnosis(CauseKind.METRIC),
        diagnosis(CauseKind.LABEL_EMBARGO, "resplit"),
        diagnosis(CauseKind.FUTURE_FEATURE, column="a"),
        diagnosis(CauseKind.FUTURE_FEATURE, "deleak", column="b"),
        diagnosis(CauseKind.FRAMEWORK_REMOVAL, "upgrade"),
        diagnosis(CauseKind.SCHEMA_RENAME, "migrate"),
    ]
    kinds = [d.kind.value for d in ranked(given)]
    assert kinds == ["schema-rename", "framework-removal", "future-feature", "future-feature", "label-embargo", "metric"]
    assert [d.column for d in ranked(given)[2:4]] == ["b", "a"]


def test_a_diagnosis_is_the_same_whatever_its_words() -> None:
    one, other = diagnosis(CauseKind.CODE_ERROR, stage="fit"), diagnosis(CauseKind.CODE_ERROR, "upgrade", stage="fit")
    assert one.fingerprint == other.fingerprint != diagnosis(CauseKind.CODE_ERROR, stage="predict").fingerprint
    assert Diagnosis.model_validate_json(one.model_dump_json()) == one


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("model", "features"):
        file = tmp_path / f"pipelines/shop/{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x = 1\n" * 30)
    return tmp_path


def test_a_traceback_is_read_from_the_inside_out_and_libraries_left_out(root: Path) -> None:
    detail = (
        "Traceback (most recent call last):\nKeyError: 'other'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        'Traceback (most recent call last):\n  File "/somewhere/pipelines/shop/model.py", line 7, in fit\n    x\n'
        '  File "/somewhere/pipelines/shop/features.py", line 9, in build\n    y\n'
        '  File "/lib/site-packages/pandas/core/frame.py", line 4, in f\n    z\n'
        "ValueError: bad\nsecond line"
    )
    failure = read_failure(root, "Stage failed.", detail)
    assert failure.frames == (Frame("pipelines/shop/features.py", 9), Frame("pipelines/shop/model.py", 7))
    assert failure.text == "ValueError: bad\nsecond line" and len(failure.files) == 3


@pytest.mark.parametrize("detail", ["", "Segmentation fault", "Traceback (most recent call last):\n"])
def test_what_is_no_traceback_gives_the_sentence(root: Path, detail: str) -> None:
    failure = read_failure(root, "Stage `fit` failed: KeyError: 'a' (pipelines/shop/model.py:3).", detail)
    assert failure.text.startswith("KeyError: 'a'") and failure.frames == (Frame("pipelines/shop/model.py", 3),)


@pytest.mark.parametrize("file", ["<string>", "/x/site-packages/pipelines/shop/model.py", "/etc/passwd", "../pipelines", ""])
def test_only_files_of_the_workspace_count(root: Path, file: str) -> None:
    assert workspace_path(root, file) is None
