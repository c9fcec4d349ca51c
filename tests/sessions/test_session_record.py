"""Writing and reading sessions: chain, durability, damage, one writer."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import ConfigError, Corrupt, Refusal, UsageError
from workbench.sessions import events
from workbench.sessions.events import event
from workbench.sessions.header import SessionHeader
from workbench.sessions.reader import find_session, read_session
from workbench.sessions.writer import SessionWriter, Unwritten

COMMIT = "a" * 40


def ticking():
    start = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    count = iter(range(10_000))
    return lambda: start + timedelta(seconds=next(count))


def header(**fields):
    given = {"id": "s1", "use_case": "shop", "base": COMMIT, "driver": "playbook", "created": "2026-11-20T09:00:00+00:00"}
    return SessionHeader(**{**given, **fields})


def started():
    return event("started", driver="playbook", base=COMMIT, use_case="shop", goal="better")


def recorded(directory: Path, count: int = 3) -> Path:
    with SessionWriter.create(directory, header(), clock=ticking()) as writer:
        writer.append(started())
        for number in range(count - 2):
            writer.append(event("message", by="workbench", text=f"step {number}", step=number, node="build"))
        writer.close("released")
    return directory


def lines(directory: Path) -> list[bytes]:
    return (directory / "events.jsonl").read_bytes().splitlines(keepends=True)


# --- the form on disk ------------------------------------------------------------------------------------------------


def test_events_come_back_as_they_were_written(tmp_path):
    with SessionWriter.create(tmp_path / "s", header(), clock=ticking()) as writer:
        first = writer.append(started())
        report = writer.blob('{"verdict": "pass"}')
        second = writer.append(event("gate", tree=COMMIT, verdict="pass", report=report, step=1, node="gate"))
    session = read_session(tmp_path / "s")
    assert session.events == [first, second]
    assert [e.seq for e in session.events] == [1, 2]
    assert session.events[0].at == "2026-11-20T09:00:00.000000+00:00"
    assert session.blob(report) == b'{"verdict": "pass"}'
    assert session.outcome is None


def test_each_line_carries_the_digest_of_the_line_before_and_the_first_that_of_the_header(tmp_path):
    directory = recorded(tmp_path / "s")
    written = [json.loads(line) for line in lines(directory)]
    fixed = {k: v for k, v in json.loads((directory / "session.json").read_bytes()).items() if k != "ending"}
    canonical = json.dumps(fixed, sort_keys=True, separators=(",", ":"))
    assert written[0]["prev"] == hashlib.sha256(canonical.encode()).hexdigest()
    for before, after in zip(lines(directory), written[1:]):
        assert after["prev"] == hashlib.sha256(before.rstrip(b"\n")).hexdigest()


def test_keys_are_in_a_stable_order_and_lines_are_ascii(tmp_path):
    with SessionWriter.create(tmp_path / "s", header()) as writer:
        writer.append(event("message", by="ana", text="naïve \u202e line\u2028sep\x1b[2J"))
    (line,) = lines(tmp_path / "s")
    assert line.isascii() and b"\x1b" not in line
    assert list(json.loads(line)) == sorted(json.loads(line))


def test_the_same_run_with_the_same_clock_gives_the_same_bytes(tmp_path):
    one, two = recorded(tmp_path / "one"), recorded(tmp_path / "two")
    assert (one / "events.jsonl").read_bytes() == (two / "events.jsonl").read_bytes()
    assert (one / "session.json").read_bytes() == (two / "session.json").read_bytes()


def test_not_a_number_survives(tmp_path):
    with SessionWriter.create(tmp_path / "s", header()) as writer:
        output = writer.blob("{}")
        given = event("build", ok=True, tree=COMMIT, output=output, scores={"mae": float("nan"), "top": float("inf")})
        writer.append(given)
    (found,) = read_session(tmp_path / "s").events
    assert found.scores["mae"] != found.scores["mae"] and found.scores["top"] == float("inf")


texts = st.text(max_size=40)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(texts, texts, st.integers(0, 5)), min_size=1, max_size=8))
def test_any_text_round_trips_through_the_chain(tmp_path_factory, said):
    directory = tmp_path_factory.mktemp("any") / "s"
    with SessionWriter.create(directory, header()) as writer:
        written = [writer.append(event("message", by=by, text=text, step=step)) for by, text, step in said]
    assert read_session(directory).events == written


def test_every_kind_can_be_written_and_read(tmp_path):
    sha, change = "b" * 64, "c" * 12
    with SessionWriter.create(tmp_path / "s", header()) as writer:
        blob = writer.blob("{}")
        given = {
            "started": {"driver": "playbook", "base": COMMIT, "use_case": "shop"},
            "resumed": {"reason": "killed"},
            "build": {"ok": True, "tree": COMMIT, "output": blob},
            "gate": {"tree": COMMIT, "verdict": "fail", "report": blob},
            "diagnosis": {"diagnoses": [{"cause": "renamed-column"}]},
            "chosen": {"skill": "migrate", "input": blob},
            "skill": {"name": "audit", "version": "0.1.0", "tree": COMMIT, "input": blob, "output": blob},
            "change": {"base": COMMIT, "result": COMMIT, "digest": f"sha256:{sha}", "diff": blob},
            "classified": {"digest": f"sha256:{sha}", "decision": "review", "risks": [{"kind": "split"}]},
            "queued": {"change": change, "digest": f"sha256:{sha}"},
            "decided": {"change": change, "verdict": "approve", "reviewers": ["ana"]},
            "applied": {"change": change, "commit": COMMIT},
            "registered": {"version": "1"},
            "promoted": {"version": "1", "alias": "champion"},
            "rolled-back": {"version": "1", "alias": "champion"},
            "served": {"version": "1", "request": blob, "response": blob},
            "model": {"model": "some-model", "request": blob, "answer": blob},
            "message": {"by": "ana", "text": "hello"},
            "budget": {"spent": "steps"},
            "touch": {
                "held_out": {"digest": sha, "rows": 2, "sketch": [3, 2**64 - 1], "tables": sha}, "code": sha, "tree": COMMIT,
                "scores": {"mae": 1.5}, "looks": 4, "in_session": 1, "budget": 10,
            },
            "ended": {"outcome": "released"},
        }  # fmt: skip
        assert set(given) == set(events.KINDS)
        for kind, fields in given.items():
            writer.append(event(kind, **fields))
    session = read_session(tmp_path / "s")
    assert [e.kind for e in session.events] == list(given)
    assert session.check_blobs() == 1


# --- refusing to write -----------------------------------------------------------------------------------------------


def test_an_event_never_names_a_blob_that_is_not_on_disk(tmp_path):
    with SessionWriter.create(tmp_path / "s", header()) as writer:
        with pytest.raises(UsageError, match="report"):
            writer.append(event("gate", tree=COMMIT, verdict="pass", report="d" * 64))
        assert lines(tmp_path / "s") == []
        assert writer.append(started()).seq == 1


def test_a_session_is_never_written_over(tmp_path):
    directory = recorded(tmp_path / "s")
    before = lines(directory)
    with pytest.raises(UsageError, match="already"):
        SessionWriter.create(directory, header())
    assert lines(directory) == before


def test_an_unfinished_start_is_no_session(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "events.jsonl").touch()
    with SessionWriter.create(tmp_path / "s", header()) as writer:
        writer.append(started())
    assert len(read_session(tmp_path / "s").events) == 1


def test_one_writer_at_a_time(tmp_path):
    writer = SessionWriter.create(tmp_path / "s", header())
    with pytest.raises(Refusal, match="another process"):
        SessionWriter.resume(tmp_path / "s")
    writer.abandon()
    SessionWriter.resume(tmp_path / "s").abandon()


def test_two_processes_cannot_both_write(tmp_path):
    writer = SessionWriter.create(tmp_path / "s", header())
    program = "import sys, pathlib; from workbench.sessions.writer import SessionWriter as W; W.resume(pathlib.Path(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "s")], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.returncode != 0 and "another process" in done.stderr
    writer.abandon()


def test_a_closed_writer_writes_nothing(tmp_path):
    writer = SessionWriter.create(tmp_path / "s", header())
    writer.close("released")
    with pytest.raises(UsageError, match="closed"):
        writer.append(started())
    assert len(read_session(tmp_path / "s").events) == 1


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    writer = SessionWriter.create(tmp_path / "s", header())
    writer.append(started())
    real = os.write

    def full(descriptor, content):
        real(descriptor, bytes(content)[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Unwritten, match="No space"):
        writer.append(event("message", by="x", text="lost"))
    monkeypatch.undo()
    writer.append(event("message", by="x", text="kept"))
    writer.abandon()
    session = read_session(tmp_path / "s")
    assert [e.kind for e in session.events] == ["started", "message"] and session.events[1].text == "kept"


def test_an_interrupt_in_the_middle_of_an_append_does_not_break_the_chain(tmp_path, monkeypatch):
    writer = SessionWriter.create(tmp_path / "s", header())
    writer.append(started())
    real = os.fsync

    def interrupted(descriptor):
        real(descriptor)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.append(event("message", by="x", text="never acknowledged"))
    monkeypatch.undo()
    writer.append(event("message", by="x", text="kept"))
    writer.abandon()
    assert [getattr(e, "text", None) for e in read_session(tmp_path / "s").events] == [None, "kept"]


# --- going on --------------------------------------------------------------------------------------------------------


def test_a_session_can_wait_and_go_on(tmp_path):
    with SessionWriter.create(tmp_path / "s", header(), clock=ticking()) as writer:
        writer.append(started())
        writer.close("waiting")
    assert read_session(tmp_path / "s").outcome == "waiting"
    with SessionWriter.resume(tmp_path / "s", clock=ticking()) as writer:
        writer.append(event("resumed", reason="signed"))
        assert read_session(tmp_path / "s").outcome is None
        writer.close("released")
    session = read_session(tmp_path / "s")
    assert session.outcome == "released" and [e.seq for e in session.events] == [1, 2, 3, 4]
    assert session.header.ending is not None and session.header.ending.events == 4


@pytest.mark.parametrize("cut", [1, 5, 40, -1])
def test_a_torn_last_line_is_set_aside_and_nothing_else(tmp_path, cut):
    directory = recorded(tmp_path / "s")
    (directory / "session.json").write_bytes((directory / "session.json").read_bytes())
    with SessionWriter.resume(directory) as writer:
        writer.append(event("resumed"))
        writer.append(event("message", by="x", text="the last one"))
    whole = (directory / "events.jsonl").read_bytes()
    last = lines(directory)[-1]
    torn = last[:cut]
    (directory / "events.jsonl").write_bytes(whole[: -len(last)] + torn)
    read = read_session(directory)
    assert read.torn == torn and len(read.events) == 4
    assert (directory / "events.jsonl").read_bytes().endswith(torn), "reading repairs nothing"
    with SessionWriter.resume(directory) as writer:
        again = writer.append(event("message", by="x", text="again"))
    assert again.seq == 5
    session = read_session(directory)
    assert session.torn == b"" and session.events[-1].text == "again"
    assert (directory / "events.torn").read_bytes() == torn + b"\n"


def test_killed_at_any_byte_loses_nothing_that_was_acknowledged(tmp_path):
    directory = tmp_path / "s"
    with SessionWriter.create(directory, header(), clock=ticking()) as writer:
        for number in range(3):
            writer.append(event("message", by="x", text=str(number)))
    whole = (directory / "events.jsonl").read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for size in range(0, len(whole) + 1, 7):
        (directory / "events.jsonl").write_bytes(whole[:size])
        with SessionWriter.resume(directory, clock=ticking()) as writer:
            assert writer.append(event("resumed")).seq == 1 + sum(end <= size for end in ends)
        read_session(directory)


# --- damage ----------------------------------------------------------------------------------------------------------


def damaged(directory: Path, number: int, change) -> None:
    found = lines(directory)
    found[number - 1] = change(found[number - 1])
    (directory / "events.jsonl").write_bytes(b"".join(found))


@pytest.mark.parametrize(
    ("number", "change", "says"),
    [
        (2, lambda line: b"garbage\n", r"events\.jsonl:2: the line is not JSON"),
        (2, lambda line: line.replace(b"step 0", b"step 9"), r"events\.jsonl:3: the chain is broken"),
        (2, lambda line: b"", r"events\.jsonl:2: the chain is broken"),
        (3, lambda line: line.replace(b'"message"', b'"massage"'), r"events\.jsonl:3: `massage` is not a kind"),
        (3, lambda line: line.replace(b'"by":', b'"bi":'), r"events\.jsonl:3: `message\."),
        (2, lambda line: line + line, r"events\.jsonl:3: the chain is broken"),
        (5, lambda line: line.replace(b'"released"', b'"refused"'), r"lacks events"),
        (5, lambda line: line.replace(b'":', b'": ', 1), r"events\.jsonl:5: the line isn't in the form"),
        (5, lambda line: b"", r"lacks events: it ended after line 5"),
        (1, lambda line: line.replace(b'"seq":1', b'"seq":2'), r"events\.jsonl:1: the event has the number 2"),
        (1, lambda line: b"\xff\xfe\n", r"events\.jsonl:1: the line is not JSON"),
    ],
)
def test_damage_is_named_by_file_and_line_and_left_alone(tmp_path, number, change, says):
    directory = recorded(tmp_path / "s", count=5)
    damaged(directory, number, change)
    before = (directory / "events.jsonl").read_bytes()
    with pytest.raises(Corrupt, match=says):
        read_session(directory)
    with pytest.raises(Corrupt, match=says):
        SessionWriter.resume(directory)
    assert (directory / "events.jsonl").read_bytes() == before
    assert not (directory / "events.torn").exists()


def test_a_changed_header_breaks_the_chain(tmp_path):
    directory = recorded(tmp_path / "s")
    text = (directory / "session.json").read_text()
    (directory / "session.json").write_text(text.replace('"use_case": "shop"', '"use_case": "shot"'))
    with pytest.raises(Corrupt, match=r"events\.jsonl:1: the chain is broken"):
        read_session(directory)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        ("{", Corrupt, "not JSON"),
        ("[]", Corrupt, "not an object"),
        ('{"format": 2}', ConfigError, "format 2; this version reads format 1"),
        ('{"format": 1}', Corrupt, "session.json: `"),
    ],
)
def test_a_header_that_cannot_be_used(tmp_path, content, error, says):
    directory = recorded(tmp_path / "s")
    (directory / "session.json").write_text(content)
    with pytest.raises(error, match=says):
        read_session(directory)


def test_a_missing_or_changed_blob_is_corrupt(tmp_path):
    with SessionWriter.create(tmp_path / "s", header()) as writer:
        blob = writer.blob("{}")
        writer.append(event("build", ok=True, tree=COMMIT, output=blob))
    session = read_session(tmp_path / "s")
    (tmp_path / "s" / "blobs" / blob).write_text("[]")
    with pytest.raises(Corrupt, match="isn't what its name says"):
        session.check_blobs()
    (tmp_path / "s" / "blobs" / blob).unlink()
    with pytest.raises(Corrupt, match="is missing"):
        session.check_blobs()
    with pytest.raises(Corrupt, match="not the name of a blob"):
        session.blob("../session.json")


def test_a_blob_on_disk_with_other_bytes_is_not_written_over(tmp_path):
    with SessionWriter.create(tmp_path / "s", header()) as writer:
        blob = writer.blob("{}")
        assert writer.blob("{}") == blob
        (tmp_path / "s" / "blobs" / blob).write_text("[]")
        with pytest.raises(Corrupt):
            writer.blob("{}")
    assert (tmp_path / "s" / "blobs" / blob).read_text() == "[]"


def test_sessions_are_found_by_path_id_and_part_of_the_id(tmp_path):
    root, state = tmp_path / "w", tmp_path / "w" / ".workbench"
    one = recorded(root / "sessions" / "2026-11-20-shop-7f3a")
    two = recorded(state / "sessions" / "2026-11-21-shop-0b1c")
    assert find_session(root, state, str(one)) == one
    assert find_session(root, state, "2026-11-21-shop-0b1c") == two
    assert find_session(root, state, "7f3a") == one
    assert find_session(root, state, "sessions/2026-11-20-shop-7f3a") == one
    with pytest.raises(UsageError, match="fits several"):
        find_session(root, state, "shop")
    with pytest.raises(UsageError, match="no session `nothing`"):
        find_session(root, state, "nothing")


def test_a_killed_process_loses_nothing_that_it_was_told_is_written(tmp_path):
    with SessionWriter.create(tmp_path / "s", header()) as writer:
        writer.append(started())
    program = (
        "import itertools, pathlib, sys\n"
        "from workbench.sessions.events import event\n"
        "from workbench.sessions.writer import SessionWriter\n"
        "writer = SessionWriter.resume(pathlib.Path(sys.argv[1]))\n"
        "for number in itertools.count():\n"
        "    blob = writer.blob(str(number))\n"
        "    done = writer.append(event('skill', name='x', version='1', tree='a' * 40, input=blob, output=blob))\n"
        "    print(done.seq, flush=True)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "s")]
    for target in (5, 11, 12):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as child:
            acknowledged = 0
            while acknowledged < target:
                acknowledged = int(child.stdout.readline())
            child.kill()
            rest = child.stdout.read().split()
        told = max([acknowledged, *map(int, rest)])
        with SessionWriter.resume(tmp_path / "s") as writer:
            writer.append(event("resumed", reason="killed"))
        session = read_session(tmp_path / "s")
        assert len(session.events) >= told + 1
        session.check_blobs()
