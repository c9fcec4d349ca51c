"""The MCP server as a client of the SDK sees it, over standard input and output of a real process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp import StdioServerParameters
from mcp.client import Client

from workbench.repo import Repo
from workbench.review import queue
from workbench.testing import add_skills, make_workspace

REPOSITORY = Path(__file__).parents[1]
DECIDES = ("sign", "approve", "reject", "request", "apply", "promote", "rollback", "register", "rebase", "lock", "waive", "run")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_workspace(tmp_path_factory.mktemp("mcp") / "w")
    shutil.copytree(REPOSITORY / "review_policies", root / "review_policies")
    add_skills(root, REPOSITORY / "skills", "build", "evaluate", "validate", "promote", "rollback")
    (root / ".gitignore").write_text(".workbench/\n")
    (root.parent / "outside.py").write_text("x = 1\n")
    _commit(root, "first")
    model = root / "pipelines/visits/model.py"
    text = model.read_text()
    git(root, "checkout", "-qb", "more")
    model.write_text(text.replace("num_boost_round=30", "num_boost_round=31"))
    _commit(root, "one more round")
    git(root, "checkout", "-q", "main")
    return root


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def _commit(root: Path, title: str) -> None:
    if not (root / ".git").exists():
        git(root, "init", "-qb", "main")
    git(root, "add", "-A")
    git(root, "-c", "user.name=ana", "-c", "user.email=ana@a", "commit", "-qm", title)


def program(root: Path) -> list[str]:
    return ["-P", "-m", "workbench", "-C", str(root), "mcp"]


def served(root: Path, use: Callable[[Client], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Client(StdioServerParameters(command=sys.executable, args=program(root))) as client:
            with anyio.fail_after(300):
                return await use(client)

    return anyio.run(run)


def error_of(result: Any) -> dict[str, Any]:
    assert result.is_error, result
    error: dict[str, Any] = result.structured_content["error"]
    assert error["message"] and "Traceback" not in result.content[0].text
    return error


def test_tools_are_listed_with_schemas_and_nothing_that_a_person_decides(root: Path) -> None:
    async def use(client: Client) -> Any:
        return (await client.list_tools()).tools, (await client.list_resources()).resources

    tools, resources = served(root, use)
    named = {tool.name: tool for tool in tools}
    assert {"build", "evaluate", "validate", "lint", "classify", "queue_list", "queue_show", "queue_propose"} <= set(named)
    assert not [name for name in named if any(word in name for word in DECIDES)]
    for tool in tools:
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert tool.input_schema["additionalProperties"] is False and tool.description
        assert tool.annotations.destructive_hint is False
        assert tool.annotations.read_only_hint is (tool.name != "queue_propose")
    assert "against" in named["evaluate"].input_schema["properties"]
    assert named["build"].output_schema["properties"]["digests"]
    assert {"workbench://contract/visits"} <= {str(resource.uri) for resource in resources}


@pytest.mark.slow
def test_each_kind_of_tool_answers_as_its_command_does(root: Path) -> None:
    async def use(client: Client) -> Any:
        said: list[str] = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            said.append(message or "")

        found: dict[str, Any] = {}
        calls: dict[str, dict[str, Any]] = {"build": {}, "lint": {"paths": ["pipelines"]}, "queue_list": {}, "session_list": {}}
        calls["rules_show"] = {"rule": "future-feature"}
        for name, given in calls.items():
            found[name] = await client.call_tool(name, given, progress_callback=hear)
        found["contract"] = await client.read_resource("workbench://contract/visits")
        return found, said

    found, said = served(root, use)
    assert not any(found[name].is_error for name in ("build", "lint", "queue_list", "session_list", "rules_show")), found
    assert found["build"].structured_content["ok"] and found["build"].structured_content["scores"]["mae"] > 0
    assert json.loads(found["build"].content[0].text) == found["build"].structured_content
    assert found["lint"].structured_content["verdict"] == "pass" and found["session_list"].structured_content["sessions"] == []
    assert 'name = "visits"' in found["contract"].contents[0].text
    assert any("load" in line for line in said), said
    looks = (root / ".workbench/touches/visits.jsonl").read_text().splitlines()
    assert len(looks) == 1 and "workbench skill run build" in looks[0]


HOSTILE: list[tuple[str, dict[str, Any], str]] = [
    ("lint", {"paths": ["../outside.py"]}, "usage"),
    ("lint", {"paths": ["/etc/passwd"]}, "usage"),
    ("lint", {"paths": ["--explain"]}, ""),
    ("lint", {"paths": ["a\0b"]}, "usage"),
    ("lint", {}, "usage"),
    ("lint", {"paths": ["pipelines"], "more": 1}, "usage"),
    ("classify", {"base": "--help", "head": "main"}, "usage"),
    ("classify", {"base": "main", "head": "--output=/tmp/x"}, "usage"),
    ("classify", {"base": "main; touch /tmp/x", "head": "main"}, "usage"),
    ("session_show", {"session": "../../etc"}, "usage"),
    ("session_show", {"session": "/etc"}, "usage"),
    ("queue_show", {"id": "approve"}, "usage"),
    ("build", {"use_case": "../visits"}, "usage"),
    ("build", {"use_case": ["visits"]}, "usage"),
    ("evaluate", {"against": "main"}, "usage"),
    ("promote", {"version": 1, "alias": "champion", "reason": "x"}, "usage"),
    ("sign", {}, "usage"),
    ("review approve", {}, "usage"),
    ("queue_propose", {"base": "main", "head": "main", "title": "x"}, "usage"),
    ("queue_propose", {"base": "main", "head": "more", "title": "x", "by_hand": True}, "usage"),
    ("build", {"use_case": "x" * 9_000_000}, "usage"),
]


def test_hostile_arguments_are_refused_in_a_sentence_and_change_nothing(root: Path) -> None:
    before = git(root, "for-each-ref")

    async def use(client: Client) -> Any:
        return [(case, await client.call_tool(case[0], case[1])) for case in HOSTILE]

    for (tool, given, kind), result in served(root, use):
        error = error_of(result)
        assert not kind or error["kind"] == kind, (tool, str(given)[:80], error)
    assert git(root, "for-each-ref") == before
    assert not Path("/tmp/x").exists()


@pytest.mark.slow
def test_a_change_is_proposed_as_an_agents_and_waits(root: Path) -> None:
    async def use(client: Client) -> Any:
        given = {"base": "main", "head": "more", "title": "One more round of boosting"}
        proposed = await client.call_tool("queue_propose", given)
        listed = await client.call_tool("queue_list", {})
        shown = await client.call_tool("queue_show", {"id": proposed.structured_content["id"]})
        return proposed, listed, shown, await client.call_tool("classify", {"base": "main", "head": "more", "static_only": True})

    head = git(root, "rev-parse", "main")
    proposed, listed, shown, classified = served(root, use)
    assert not (proposed.is_error or listed.is_error or shown.is_error or classified.is_error), (
        proposed,
        listed,
        shown,
        classified,
    )
    assert proposed.structured_content["id"] in json.dumps(listed.structured_content)
    with Repo.open(root) as repo:
        assert queue.get(repo, proposed.structured_content["id"]).change.author.agent
    assert classified.structured_content["decision"] in ("allow", "review")
    assert git(root, "rev-parse", "main") == head
    assert "ledger" not in git(root, "for-each-ref")


@pytest.mark.slow
def test_two_calls_run_at_once_and_a_cancelled_one_ends_with_all_it_started(root: Path) -> None:
    async def use(client: Client) -> Any:
        async def cancelled() -> None:
            with anyio.move_on_after(1.5):
                await client.call_tool("evaluate", {})

        results: list[Any] = []

        async def asked(name: str) -> None:
            results.append(await client.call_tool(name, {}))

        async with anyio.create_task_group() as group:
            group.start_soon(asked, "queue_list")
            group.start_soon(asked, "validate")
            group.start_soon(cancelled)
        return results, await client.call_tool("queue_list", {})

    results, after = served(root, use)
    assert len(results) == 2 and not any(result.is_error for result in [*results, after])
    left = [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and str(root) in _command(pid)]
    assert not left, [_command(pid) for pid in left]


def _command(pid: Path) -> str:
    try:
        return (pid / "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}


def test_nothing_but_the_protocol_is_on_standard_output(root: Path) -> None:
    asked = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "lint", "arguments": {"paths": ["pipelines"]}}},
        {"jsonrpc": "2.0", "id": 3, "method": "no/such/method"},
    ]
    environment = {**os.environ, "WORKBENCH_KEY": "/nowhere/key"}
    command, pipe = [sys.executable, *program(root)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"this is no JSON\n" + b"".join(json.dumps(message).encode() + b"\n" for message in asked))
        process.stdin.flush()
        heard: dict[Any, Any] = {}
        while not {1, 2, 3} <= set(heard):
            line = process.stdout.readline()
            assert line, "it ended"
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            heard[message.get("id")] = message
        process.stdin.close()
        assert process.wait(60) == 0
    assert "result" in heard[2] and "error" in heard[3]
