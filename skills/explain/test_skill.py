"""Tests of the `explain` skill: what a failure is taken for, what is said about it, and which skill is sent for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skills.explain.errors import Failed, of_error
from skills.explain.findings import of_findings, of_gates
from skills.explain.skill import Input, run
from workbench.errors import PipelineError
from workbench.findings import Finding, Severity
from workbench.loop.diagnosis import CauseKind
from workbench.loop.schema_change import SchemaChange
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline
from workbench.report.model import AuditReport, GateResult
from workbench.settings import Settings
from workbench.testing import make_workspace, skill_context

NOTHING = SchemaChange()
RENAMED = SchemaChange(renames={"visits": {"ts": "hour"}}, retypes={"visits": {"hour": "epoch-seconds"}},
                       evidence={"visits.hour": ["`hour` looks renamed to `ts`"]})  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("visits"))


def failed(text: str, stage: str = "fit", library: str = "") -> Failed:
    inner = f'  File "/x/site-packages/{library}/core.py", line 5, in f\n    g()\n' if library else ""
    detail = f'Traceback (most recent call last):\n  File "/c/pipelines/visits/model.py", line 12, in fit\n    x\n{inner}{text}\n'
    return Failed(stage=stage, message=f"Stage `{stage}` failed: {text} (pipelines/visits/model.py:12).", detail=detail)


@pytest.mark.parametrize(
    ("text", "kind", "cure"),
    [
        ("TypeError: train() got an unexpected keyword argument 'verbose_eval'", CauseKind.FRAMEWORK_REMOVAL, "upgrade"),
        ("TypeError: predict() got an unexpected keyword argument 'speed'", CauseKind.CODE_ERROR, None),
        (
            "TypeError: OneHotEncoder.__init__() got an unexpected keyword argument 'sparse'",
            CauseKind.FRAMEWORK_REMOVAL,
            "upgrade",
        ),
        ("AttributeError: 'DataFrame' object has no attribute 'append'", CauseKind.FRAMEWORK_REMOVAL, "upgrade"),
        ("AttributeError: 'Shop' object has no attribute 'append'", CauseKind.CODE_ERROR, None),
        ("AttributeError: module 'numpy' has no attribute 'float'", CauseKind.FRAMEWORK_REMOVAL, "upgrade"),
        ("AttributeError: module 'pipelines.visits.data' has no attribute 'x'", CauseKind.CODE_ERROR, None),
        ("ImportError: cannot import name 'plot_roc_curve' from 'sklearn.metrics' (/x)", CauseKind.FRAMEWORK_REMOVAL, "upgrade"),
        ("ModuleNotFoundError: No module named 'sklearn.cross_validation'", CauseKind.FRAMEWORK_REMOVAL, "upgrade"),
        ("ModuleNotFoundError: No module named 'nosuchpackage'", CauseKind.ENVIRONMENT, None),
        ("ValueError: Invalid frequency: H. Did you mean h?", CauseKind.FRAMEWORK_REMOVAL, "upgrade"),
        ("MemoryError: Unable to allocate 9 GiB", CauseKind.ENVIRONMENT, None),
        ("PermissionError: [Errno 13] Permission denied: '/etc/shadow'", CauseKind.ENVIRONMENT, None),
        ("ZeroDivisionError: division by zero", CauseKind.CODE_ERROR, None),
        ("KeyError: 'x'", CauseKind.CODE_ERROR, None),
    ],
)
def test_an_exception_is_taken_for_what_it_is(root: Path, text: str, kind: CauseKind, cure: str | None) -> None:
    found = of_error(root, failed(text), lambda said: NOTHING)
    assert [(d.kind, d.cure.skill if d.cure else None) for d in found] == [(kind, cure)]
    assert found[0].stage == "fit" and found[0].message
    if cure:
        assert found[0].cure is not None and str(found[0].cure.input["detail"]).endswith(f"{text}\n")


def test_a_series_asked_by_position_is_a_removal_only_inside_pandas(root: Path) -> None:
    inside, own = failed("KeyError: -1", library="pandas"), failed("KeyError: -1")
    assert of_error(root, inside, lambda said: NOTHING)[0].kind is CauseKind.FRAMEWORK_REMOVAL
    assert of_error(root, own, lambda said: NOTHING)[0].kind is CauseKind.CODE_ERROR


@pytest.mark.parametrize("stage", ["load", "validate", "features"])
def test_changed_tables_come_before_the_code_that_trips_over_them(root: Path, stage: str) -> None:
    found = of_error(root, failed("KeyError: 'hour'", stage), lambda said: RENAMED)
    assert [d.kind for d in found] == [CauseKind.SCHEMA_RENAME] and found[0].column == "hour"
    assert found[0].cure is not None and found[0].cure.skill == "migrate"
    assert SchemaChange.model_validate(found[0].cure.input).renames == RENAMED.renames
    assert of_error(root, failed("KeyError: 'hour'", "fit"), lambda said: RENAMED)[0].kind is CauseKind.CODE_ERROR


def test_a_column_without_a_trace_has_no_cure(root: Path) -> None:
    gone = SchemaChange(unexplained={"visits.hour": "the column is gone, and no other looks like it"})
    found = of_error(root, failed("KeyError: 'hour'", "load"), lambda said: gone)
    assert [(d.kind, d.cure) for d in found] == [(CauseKind.SCHEMA_MISSING, None)]
    assert "No skill can know" in found[0].message


def test_a_contract_is_mended_by_a_person(root: Path) -> None:
    wrong = Failed(kind="contract", message="pipelines/visits/contract.toml:3: no target.", hint="add it")
    assert [(d.kind, d.cure) for d in of_error(root, wrong, lambda said: NOTHING)] == [(CauseKind.CONTRACT, None)]


def test_text_from_a_traceback_can_not_repaint_the_screen(root: Path) -> None:
    found = of_error(root, failed("ValueError: \x1b[2Japproved\u202e"), lambda said: NOTHING)
    assert "\x1b" not in found[0].model_dump_json() and "\u202e" not in found[0].message


def finding(rule: str, **more: Any) -> Finding:
    stage = "features" if "feature" in rule else "fit" if "fit" in rule else "split"
    given = {"rule": rule, "severity": Severity.ERROR, "stage": stage, "message": f"{rule}.", "remedy": "do it"}
    return Finding.model_validate({**given, **more})


LEAK = finding("leakage/future-feature", column="wind", source="weather.wind", lookahead="25h", rows=9)


@pytest.mark.parametrize(
    ("rule", "kind", "cure"),
    [
        ("leakage/label-embargo", CauseKind.LABEL_EMBARGO, "resplit"),
        ("leakage/time-order", CauseKind.SPLIT_ORDER, "resplit"),
        ("leakage/shared-group", CauseKind.SPLIT_GROUPS, "resplit"),
        ("leakage/overlap", CauseKind.SPLIT_OVERLAP, "resplit"),
        ("leakage/outcome-filter", CauseKind.SPLIT_OVERLAP, None),
        ("leakage/fit-sees-test", CauseKind.FIT_LEAK, None),
        ("schema/retyped", CauseKind.SCHEMA_RETYPE, "migrate"),
        ("schema/range", CauseKind.SCHEMA_VALUES, None),
        ("metric/baseline", CauseKind.METRIC, None),
        ("budget/latency", CauseKind.UNKNOWN, None),
    ],
)
def test_a_finding_has_its_cause_and_its_cure(rule: str, kind: CauseKind, cure: str | None) -> None:
    (found,) = of_findings([finding(rule)])
    assert (found.kind, found.cure.skill if found.cure else None) == (kind, cure)
    assert (cure is None) == ("No skill can decide this: do it" in found.message)


def test_findings_of_one_skill_are_cured_together_and_notes_are_none() -> None:
    other = LEAK.model_copy(update={"column": "rain"})
    note = LEAK.model_copy(update={"severity": Severity.NOTE})
    unstable = finding("leakage/future-feature", column="noise")
    found = of_findings([LEAK, other, note, unstable])
    assert [d.column for d in found] == ["wind", "rain", "noise"]
    assert found[2].cure is None and found[0].cure == found[1].cure and found[0].cure is not None
    given = found[0].cure.input["findings"]
    assert isinstance(given, list) and len(given) == 2
    assert "up to 25h beyond what was known" in found[0].evidence and "9 rows" in found[0].evidence


def test_a_gate_that_could_not_look_is_a_cause() -> None:
    gates = [GateResult(name="fit", status="not exercised", reason="one row"), GateResult(name="split", status="pass")]
    assert [(d.kind, d.stage) for d in of_gates(gates, False)] == [(CauseKind.NOT_EXERCISED, "fit")]


def test_a_whole_report_as_json_comes_ordered_by_what_blocks(root: Path) -> None:
    report = AuditReport(use_case="visits", verdict="fail", findings=[finding("leakage/label-embargo"), LEAK])
    output = run(skill_context(root), Input(report=json.loads(report.model_dump_json())))
    assert output.ok and [d.kind.value for d in output.diagnoses] == ["future-feature", "label-embargo"]
    passed = AuditReport(use_case="visits", verdict="pass")
    assert not run(skill_context(root), Input(report=json.loads(passed.model_dump_json()))).ok
    assert not run(skill_context(root), Input()).ok


def build(root: Path) -> PipelineError:
    with Pipeline(Settings(root=root), load_contract(root, "visits")) as pipeline, pytest.raises(PipelineError) as caught:
        pipeline.run(pipeline.load(), until="features")
    return caught.value


def error_of(error: PipelineError) -> Failed:
    return Failed(stage=error.stage, message=error.message, hint=error.hint, detail=error.detail)


LIGHT = "def fit(train):\n    return {}\n\n\ndef predict(model, frame):\n    return frame\n"


def test_a_real_build_on_renamed_and_retyped_columns(tmp_path: Path) -> None:
    change = ('{"door": door, "hour": hours,', '{"door": door, "event_ts": hours.as_unit("ms").astype("int64"),')
    root = make_workspace(tmp_path, {"pipelines/visits/data.py": change})
    (root / "pipelines/visits/model.py").write_text(LIGHT)
    output = run(skill_context(root), Input(error=error_of(build(root))))
    first = output.diagnoses[0]
    assert (first.kind, first.source) == (CauseKind.SCHEMA_RENAME, "visits.hour") and first.cure is not None
    assert first.cure.input == {
        "renames": {"visits": {"event_ts": "hour"}},
        "retypes": {"visits": {"hour": "epoch-milliseconds"}},
    }


def test_a_real_build_on_a_column_that_only_the_code_names(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pipelines/visits/data.py": ('"visitors": (day', '"visitors_counted": (day')})
    (root / "pipelines/visits/model.py").write_text(LIGHT)
    output = run(skill_context(root), Input(error=error_of(build(root))))
    first = output.diagnoses[0]
    assert (first.kind, first.source) == (CauseKind.SCHEMA_RENAME, "visits.visitors") and first.cure is not None


def test_a_real_build_that_fails_for_its_own_reasons(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pipelines/visits/features.py": ("shift(48)", "shift(48 / 0)")})
    (root / "pipelines/visits/model.py").write_text(LIGHT)
    output = run(skill_context(root), Input(error=error_of(build(root))))
    assert [(d.kind, d.cure) for d in output.diagnoses] == [(CauseKind.CODE_ERROR, None)]
    assert "ZeroDivisionError" in output.diagnoses[0].message and output.reason == "no skill is known to cure any of them"
