"""The `claude` driver against an HTTP server on loopback that speaks the Messages API: every way in which an answer can end."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from house import House
from turns import MODEL, hold

from workbench.errors import ConfigError
from workbench.loop.dialogue.asking import BROKEN_OFF, ModelUnavailable
from workbench.loop.drivers import Done, Edited, NoCure, Question, Spent, load_driver
from workbench.settings import Settings, load_settings
from workbench.testing_model import KEY, Fault, Reply, Script, ScriptedModel, calls, overloaded, says

REPAIR = ("edit", {"path": MODEL, "old": "=thirty", "new": "=30"})
DONE = ("done", {"summary": "rounds are a number", "words": "It was a name."})
MENDED = calls(REPAIR, DONE)


def repaired(answer: object) -> bool:
    return isinstance(answer, Edited) and b"num_boost_round=30" in (answer.edits[MODEL] or b"")


def test_it_looks_edits_and_says_done_and_everything_is_on_record(broken_house: House) -> None:
    words: list[str] = []
    look = calls(
        ("read", {"path": MODEL}), ("search", {"expression": "th.rty", "paths": "pipelines/*"}), text="I look.", thinking="hm"
    )
    with ScriptedModel([look, MENDED]) as model:
        held = hold(broken_house, model, words=words)
        answer = held.take()
    assert repaired(answer) and isinstance(answer, Edited) and answer.summary == "rounds are a number"
    assert "".join(words) == "I look."
    assert [call.stop_reason for call in held.calls] == ["tool_use", "tool_use"]
    assert held.calls[0].tokens == {"input": 100, "output": 20, "cache_read": 0, "cache_write": 0}
    assert held.calls[0].cost == pytest.approx((100 * 5 + 20 * 25) / 1e6)
    sent = [{key: value for key, value in request.items() if key != "stream"} for request in model.requests]
    assert [held.blob(call.request) for call in held.calls] == sent, "what is on record is what was sent"
    second = sent[1]["messages"]
    assert second[1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "c2lnbmF0dXJl"}
    results = second[2]["content"]
    assert (
        all("<untrusted" in result["content"] and not result["is_error"] for result in results)
        and "thirty" in results[0]["content"]
    )


def test_prompt_caching_grows_with_the_conversation(broken_house: House) -> None:
    look = calls(("read", {"path": MODEL}))
    with ScriptedModel([look, look, look, MENDED]) as model:
        assert repaired(hold(broken_house, model).take())
    for request in model.requests:
        assert "cache_control" in request["system"][-1] and "cache_control" in request["tools"][-1]
        assert "cache_control" in request["messages"][-1]["content"][-1]
    first, last = model.requests[0], model.requests[-1]
    assert (first["system"], first["tools"]) == (last["system"], last["tools"]), "what is cached stays the same"
    assert without_marks(last["messages"][: len(first["messages"])]) == without_marks(first["messages"])


def without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_marks(inner) for key, inner in value.items() if key != "cache_control"}
    return [without_marks(inner) for inner in value] if isinstance(value, list) else value


def error(kind: str, message: str) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": message}}


NONSENSE = (("invented_event", {"type": "invented_event", "x": 1}), ("ping", {"type": "ping"}))
TRANSIENT: dict[str, list[Script]] = {
    "429": [overloaded(429)],
    "429 without retry-after": [overloaded(429, None)],
    "529 and 500": [overloaded(529), overloaded(500)],
    "retry-after in milliseconds": [Fault(503, {"retry-after-ms": "5"}, "")],
    "retry-after as a date": [Fault(429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "{}")],
    "an error page": [Fault(502, {"content-type": "text/html"}, "<html>Bad gateway</html>")],
    "reset before the answer": [Fault()],
    "cut before the first event": [says("Hello", cut_after=0)],
    "cut in the middle": [calls(REPAIR, DONE, cut_after=9)],
    "cut before the end": [calls(REPAIR, DONE, cut_after=-1)],
    "reset in the middle": [calls(REPAIR, DONE, cut_after=9, reset=True)],
    "an error in the stream": [Reply(more_events=(("error", error("overloaded_error", "come back")),))],
    "not JSON in the stream": [Reply(more_events=(("content_block_delta", "{nonsense"),))],
    "a malformed event": [Reply(more_events=(("content_block_start", {"type": "content_block_start"}),))],
}  # fmt: skip


@pytest.mark.parametrize("faults", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_what_passes_is_asked_again_and_nothing_is_half_executed(
    broken_house: House, faults: list[Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = quick(monkeypatch)
    with ScriptedModel([*faults, MENDED]) as model:
        held = hold(broken_house, model)
        assert repaired(held.take())
    assert len(model.requests) == len(faults) + 1 and len(waits) == len(faults)
    assert len({str(request["messages"]) for request in model.requests}) == 1, "asked again, word for word"
    assert [call.stop_reason for call in held.calls if call.stop_reason != BROKEN_OFF] == ["tool_use"]


def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr("workbench.loop.dialogue.asking.pause", waits.append)
    return waits


def test_retry_after_is_heeded_and_a_wait_beyond_the_budget_ends_the_turn(
    broken_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = quick(monkeypatch)
    with ScriptedModel([overloaded(429, "7"), overloaded(429, "4000")]) as model:
        answer = hold(broken_house, model).take()
    assert waits == [7.0] and isinstance(answer, Spent) and "wait" in answer.reason


def test_what_doesn_t_pass_ends_in_a_session_that_can_be_resumed(broken_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    with ScriptedModel([overloaded(529)] * 3) as model, pytest.raises(ModelUnavailable, match=r"3 attempts.*529"):
        hold(broken_house, model, claude={"attempts": 3}).take()


def test_usage_of_an_answer_that_broke_off_counts(broken_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    with ScriptedModel([calls(REPAIR, cut_after=6), MENDED]) as model:
        held = hold(broken_house, model)
        assert repaired(held.take())
    broken, whole = held.calls
    assert broken.stop_reason == BROKEN_OFF and broken.tokens["input"] == 100 and whole.stop_reason == "tool_use"
    assert held.ctx.spent().tokens == 100 + 1 + 120


PERMANENT = {
    "401": (Fault(401, {}, json.dumps(error("authentication_error", "invalid x-api-key"))), "ANTHROPIC_API_KEY"),
    "403": (Fault(403, {}, "{}"), "ANTHROPIC_API_KEY"),
    "402": (Fault(402, {}, "{}"), "billing"),
    "404": (Fault(404, {}, json.dumps(error("not_found_error", "model: claude-nobody"))), "claude.model"),
    "400": (Fault(400, {}, "not JSON at all"), "workbench.toml"),
    "a redirect": (Fault(302, {"location": "http://127.0.0.1:9/elsewhere"}, ""), "workbench.toml"),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "hint"), PERMANENT.values(), ids=PERMANENT.keys())
def test_what_asking_again_can_t_mend_is_one_clear_sentence(broken_house: House, fault: Fault, hint: str) -> None:
    with ScriptedModel([fault]) as model, pytest.raises(ConfigError) as caught:
        hold(broken_house, model).take()
    assert hint in caught.value.hint and KEY not in str(caught.value) and len(model.requests) == 1


@pytest.mark.parametrize("bad", ["{nonsense", '{"path": "pipelines/vis', "[1]", '"text"', "null"])
def test_a_malformed_call_is_answered_as_an_error(broken_house: House, bad: str) -> None:
    with ScriptedModel([calls(("write", bad)), MENDED]) as model:
        assert repaired(hold(broken_house, model).take())
    (result,) = model.requests[1]["messages"][-1]["content"]
    assert result["is_error"] and "not a JSON object" in result["content"]


WRONG = {
    "an unknown tool": ("approve", {"change": "all"}),
    "a missing argument": ("edit", {"path": MODEL}),
    "a wrong type": ("read", {"path": 7}),
    "a further argument": ("read", {"path": MODEL, "as": "root"}),
    "a skill that writes": ("skill_promote", {"version": 1, "alias": "champion", "reason": "x"}),
    "a field of the loop's": ("skill_audit", {"looks": {"count": 0}}),
    "a bad field of a skill": ("skill_build", {"unknown": 1}),
    "no change, yet done": DONE,
    "an empty question": ("ask", {"question": " "}),
    "a policy": ("write", {"path": "review_policies/reviewers.toml", "text": "[[reviewer]]"}),
    "outside": ("write", {"path": "../outside.py", "text": "x"}),
    "git": ("read", {"path": ".git/config"}),
    "a key": ("read", {"path": "../key"}),
    "a bad expression": ("search", {"expression": "(", "paths": "*"}),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_call_that_can_t_be_done_is_answered_as_an_error_and_nothing_after_it_ends_the_turn(
    broken_house: House, wrong: tuple[str, dict[str, Any]]
) -> None:
    with ScriptedModel([calls(wrong, ("give_up", {"reason": "too early"})), MENDED]) as model:
        assert repaired(hold(broken_house, model).take())
    first, second = model.requests[1]["messages"][-1]["content"]
    assert first["is_error"] and second["is_error"] and "Not taken" in second["content"]


def test_calls_side_by_side_are_answered_together_in_their_order(broken_house: House) -> None:
    three = calls(("read", {"path": MODEL}), ("files", {"pattern": "*.md"}), ("read", {"path": "no.py"}))
    with ScriptedModel([three, MENDED]) as model:
        assert repaired(hold(broken_house, model).take())
    results = model.requests[1]["messages"][-1]["content"]
    assert [result["is_error"] for result in results] == [False, False, True]
    assert len({result["tool_use_id"] for result in results}) == 3


STOPS: dict[str, tuple[Reply, str]] = {
    "max_tokens": (calls(REPAIR, stop_reason="max_tokens"), "too long"),
    "end_turn": (says("I think it is fine."), "exactly one call"),
    "stop_sequence": (says("fine", "stop_sequence"), "exactly one call"),
    "an empty answer": (Reply(), "exactly one call"),
    "tool_use without a call": (says("hm", "tool_use"), "exactly one call"),
    "an unknown reason": (says("hm", "invented"), "isn't known"),
    "no reason": (says("hm", None), "isn't known"),
}


@pytest.mark.parametrize(("reply", "told"), STOPS.values(), ids=STOPS.keys())
def test_an_answer_that_can_t_be_used_is_said_so(broken_house: House, reply: Reply, told: str) -> None:
    with ScriptedModel([reply, MENDED]) as model:
        held = hold(broken_house, model)
        assert repaired(held.take())
    assert told in model.requests[1]["messages"][-1]["content"][-1]["text"]


@pytest.mark.parametrize("reply", [says("I wonder."), calls(REPAIR, stop_reason="max_tokens"), Reply()])
def test_a_model_that_never_says_what_to_do_ends_honestly(broken_house: House, reply: Reply) -> None:
    with ScriptedModel([reply] * 9) as model:
        answer = hold(broken_house, model).take()
    assert isinstance(answer, NoCure) and "without saying" in answer.reason and model.left > 0


def test_a_call_is_taken_whatever_the_reason_as_long_as_the_answer_is_whole(broken_house: House) -> None:
    with ScriptedModel([calls(REPAIR, DONE, stop_reason="end_turn")]) as model:
        assert repaired(hold(broken_house, model).take())


def test_pause_turn_goes_on_where_it_was(broken_house: House) -> None:
    with ScriptedModel([says("First, ", "pause_turn"), MENDED]) as model:
        assert repaired(hold(broken_house, model).take())
    assert model.requests[1]["messages"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "First, "}]}


def test_a_refusal_ends_the_turn_with_its_reason(broken_house: House) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "not this"}
    with ScriptedModel([says("", "refusal", stop_details=details)]) as model:
        answer = hold(broken_house, model).take()
    assert isinstance(answer, NoCure) and "refused" in answer.reason and "not this" in answer.reason


TOO_LONG = Fault(
    400, {}, '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8"}}'
)


@pytest.mark.parametrize("full", [Reply(stop_reason="model_context_window_exceeded"), TOO_LONG, Fault(413, {}, "{}")])
def test_a_full_context_window_leaves_out_old_results_and_then_ends(broken_house: House, full: Script) -> None:
    look = calls(("read", {"path": MODEL}))
    with ScriptedModel([look, look, look, look, full, MENDED]) as model:
        held = hold(broken_house, model)
        assert repaired(held.take())
    shown = [
        block["content"] for message in model.requests[-1]["messages"] for block in message["content"] if "tool_use_id" in block
    ]
    assert ["left out" in text for text in shown] == [True, False, False, False]
    assert held.calls[-2].stop_reason == "model_context_window_exceeded"
    with ScriptedModel([full]) as model:
        answer = hold(broken_house, model).take()
    assert isinstance(answer, NoCure) and "outgrew" in answer.reason


def test_a_slow_first_byte_is_not_waited_for_for_ever(broken_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    gone = threading.Event()
    with ScriptedModel([says("late", before=lambda: gone.wait(20)), MENDED]) as model:
        assert repaired(hold(broken_house, model, claude={"timeout_seconds": 0.5}).take())
        gone.set()


def test_words_never_end_in_half_a_message_on_record(broken_house: House) -> None:
    with ScriptedModel([Reply(({"type": "text", "text": "a" * 300},), more_events=NONSENSE), MENDED]) as model:
        held = hold(broken_house, model)
        assert repaired(held.take())
    assert held.blob(held.calls[0].answer)["content"] == [{"type": "text", "text": "a" * 300}]


@pytest.mark.parametrize(
    ("loop", "said"),
    [({"max_tokens": 4000}, "4,000 tokens"), ({"max_cost": 0.01}, "$0.01"), ({"wall_seconds": 0}, "active time")],
)
def test_a_spent_budget_ends_the_turn_before_the_call_that_would_go_beyond(
    broken_house: House, loop: dict[str, Any], said: str
) -> None:
    with ScriptedModel([MENDED]) as model:
        answer = hold(broken_house, model, loop=loop).take()
    assert isinstance(answer, Spent) and said in answer.reason and not model.requests


def test_what_was_spent_before_counts_and_an_answer_is_asked_for_no_longer_than_can_be_paid(broken_house: House) -> None:
    dear = calls(("read", {"path": MODEL}), usage={"output_tokens": 200_000, "input_tokens": 10_000})
    with ScriptedModel([dear, MENDED]) as model:
        assert repaired(hold(broken_house, model, loop={"max_cost": 5.6}).take())
    assert model.requests[0]["max_tokens"] == 32_000 and 1024 <= model.requests[1]["max_tokens"] < 32_000


def test_a_model_that_goes_round_in_circles_comes_to_an_end(broken_house: House) -> None:
    with ScriptedModel([calls(("files", {"pattern": "*"}))] * 9) as model:
        answer = hold(broken_house, model, claude={"calls": 5}).take()
    assert isinstance(answer, NoCure) and "5 calls" in answer.reason and len(model.requests) == 5


def test_it_can_ask_and_give_up_and_propose_nothing(broken_house: House) -> None:
    with ScriptedModel([calls(("ask", {"question": " Is thirty a number? "}))]) as model:
        assert hold(broken_house, model).take() == Question("Is thirty a number?")
    with ScriptedModel([calls(("give_up", {"reason": "no idea"}))]) as model:
        assert hold(broken_house, model).take() == NoCure("no idea")
    with ScriptedModel([calls(("done", {"summary": "good as it is", "words": ""}))]) as model:
        assert hold(broken_house, model, failure=None, goal="a better score").take() == Done("good as it is")
    assert "a better score" in str(model.requests[0]["messages"])


def test_directions_reach_the_model_as_the_person_s(broken_house: House) -> None:
    with ScriptedModel([MENDED]) as model:
        hold(broken_house, model, directions=("thirty is 30",)).take()
    text = model.requests[0]["messages"][0]["content"][0]["text"]
    assert "## Directions\n- thirty is 30" in text.partition("<untrusted")[0]


def test_without_a_key_it_says_so(tmp_path: Any) -> None:
    (tmp_path / "workbench.toml").write_text("")
    with pytest.raises(ConfigError, match="ANTHROPIC_API_KEY"):
        load_driver("claude", load_settings(tmp_path, {}))


@pytest.mark.parametrize("url", ["http://models.example.com", "ftp://127.0.0.1", "models.example.com"])
def test_a_key_isn_t_sent_in_clear_text(tmp_path: Any, url: str) -> None:
    (tmp_path / "workbench.toml").write_text("")
    with pytest.raises(ConfigError, match="https"):
        load_driver("claude", load_settings(tmp_path, {"ANTHROPIC_API_KEY": "k" * 20, "ANTHROPIC_BASE_URL": url}))


@pytest.mark.parametrize("field", ["api_key", "base_url"])
def test_a_file_can_set_neither_key_nor_endpoint(tmp_path: Any, field: str) -> None:
    (tmp_path / "workbench.toml").write_text(f'[claude]\n{field} = "https://elsewhere.example"\n')
    with pytest.raises(ConfigError, match=f"claude.{field}"):
        load_settings(tmp_path, {})


def test_the_key_is_in_no_text_of_the_settings(tmp_path: Any) -> None:
    (tmp_path / "workbench.toml").write_text("")
    settings: Settings = load_settings(tmp_path, {"ANTHROPIC_API_KEY": "k" * 20})
    assert "kkkk" not in repr(settings) + str(settings) + settings.model_dump_json()
