"""What a model was asked and answered is a query in MLflow's traces: written once, searchable by session, choice and failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.release import tracing
from workbench.release.registry import Registry
from workbench.sessions.events import event
from workbench.sessions.header import SessionHeader
from workbench.sessions.reader import Session, read_session
from workbench.sessions.writer import SessionWriter
from workbench.settings import MlflowSettings, Settings

TREE, NAME = "a" * 40, "2026-11-20-visits-0001"


def recorded(root: Path, *, model: bool = True) -> Session:
    header = SessionHeader(
        id=NAME, use_case="visits", base=TREE, driver="claude", goal="a lower error", workbench="0",
        created="2026-11-20T00:00:00+00:00", skills={},
    )  # fmt: skip
    with SessionWriter.create(root / "sessions" / NAME, header) as writer:
        for step, (choice, why) in enumerate([("edited", "a lag that is known"), ("no-cure", "no honest cure")], start=3):
            where = {"step": step, "node": "fix"}
            writer.append(event("diagnosis", step=step, node="diagnose", diagnoses=[{"message": f"cause {step}"}]))
            if model:
                request = writer.blob(json.dumps({"messages": [{"role": "user", "content": f"What about {step}?"}]}))
                answer = writer.blob(json.dumps({"content": [{"type": "text", "text": why}]}))
                used = {"tokens": {"input": 7, "output": 3}, "cost": 0.25, "seconds": 1.5, "stop_reason": "tool_use"}
                writer.append(event("model", **where, model="claude-opus-5-5", request=request, answer=answer, **used))
                blob = writer.blob("{}")
                run = {"name": "audit", "version": "0.1.0", "tree": TREE, "code": TREE, "input": blob, "output": blob}
                writer.append(event("skill", step=step, node="audit", **run))
            writer.append(event("chosen", **where, choice=choice, failure="f" * 16, base=TREE, why=why))
    return read_session(root / "sessions" / NAME)


def found(settings: Settings, query: str) -> list[Any]:
    seen: list[Any] = []

    def search(client: Any, experiment: str) -> int:
        seen.extend(client.search_traces([experiment], query))
        return 0

    Registry(settings).traced("visits", search)
    return seen


@pytest.mark.slow
def test_why_did_it_do_that_is_a_query(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path)
    session = recorded(tmp_path)
    assert tracing.export(settings, session) == 2
    assert tracing.export(settings, session) == 0, "a session that is resumed writes each turn once"
    (trace,) = found(settings, f"tag.`workbench.session` = '{NAME}' AND tag.`workbench.choice` = 'edited'")
    assert json.loads(trace.data.response)["why"] == "a lag that is known"
    root, call, skill = sorted(trace.data.spans, key=lambda span: span.span_type)
    assert [root.span_type, call.span_type, skill.span_type] == ["AGENT", "CHAT_MODEL", "TOOL"]
    assert root.inputs["diagnoses"] == [{"message": "cause 3"}] and root.inputs["goal"] == "a lower error"
    assert (
        call.inputs["messages"][0]["content"] == "What about 3?" and call.outputs["content"][0]["text"] == "a lag that is known"
    )
    assert call.attributes["stop_reason"] == "tool_use" and call.attributes["tokens"] == {"input": 7, "output": 3}
    assert (call.end_time_ns - call.start_time_ns) / 1e9 == pytest.approx(1.5)
    assert {trace.info.tags["workbench.cost"] for trace in found(settings, "tag.`workbench.failure` = 'ffffffffffffffff'")} == {
        "0.250000"
    }


def test_without_a_model_or_where_it_is_switched_off_nothing_is_opened(tmp_path: Path) -> None:
    assert tracing.export(Settings(root=tmp_path), recorded(tmp_path, model=False)) == 0
    assert not (tmp_path / ".workbench").exists()
    other = tmp_path / "other"
    assert tracing.export(Settings(root=other, mlflow=MlflowSettings(traces=False)), recorded(other)) == 0
    assert not (other / ".workbench").exists()


def test_a_store_that_can_t_be_reached_costs_the_traces_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(root=tmp_path, mlflow=MlflowSettings(tracking_uri=f"sqlite:///{tmp_path}/file/none.db"))
    said: list[str] = []
    assert tracing.export(settings, recorded(tmp_path), said.append) == 0
    assert len(said) == 1 and "no traces" in said[0]
