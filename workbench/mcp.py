"""The skills and gates as an MCP server on standard input and output: the same commands, the same answers, no side door.

Each call runs one `workbench` command in a process of its own, so that two calls don't wait for each other, a cancelled one
ends with all it started, and nothing but the protocol reaches standard output. What only a person decides isn't here: there
is no tool that signs, approves, rejects, applies, promotes or rolls back, and a proposed change is always an agent's.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import jsonschema
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from workbench import __version__
from workbench.errors import UsageError, WorkbenchError
from workbench.pipeline.contract import use_cases
from workbench.sessions.reader import read_session
from workbench.settings import Settings
from workbench.skills import lock
from workbench.skills.discover import Skill, discover
from workbench.skills.run import LoadedSkill, SkillContext, schemas
from workbench.visible import visible

MOST_ARGUMENTS = 8_000_000
"""Bytes of one call's arguments as JSON."""
_MOST_OUTPUT = 64_000_000
_LAST_WORDS = 4_000
_KEYS = ("WORKBENCH_KEY", "SSH_AUTH_SOCK", "ANTHROPIC_API_KEY")

_REV = {"type": "string", "minLength": 1, "maxLength": 300, "description": "commit id, branch or tag"}
_TITLE = {"type": "string", "minLength": 1, "maxLength": 200, "description": "what the change does, in one line"}
_ID = {"type": "string", "minLength": 1, "maxLength": 200}
_SESSION = {**_ID, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$", "description": "a session's id, or a part of it"}
_PATHS = {
    "type": "array", "minItems": 1, "maxItems": 200, "items": {"type": "string", "minLength": 1, "maxLength": 1000},
    "description": "files or directories of the workspace, relative to it",
}  # fmt: skip


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


@dataclass(frozen=True)
class Command:
    """One tool: the words of the command it runs, and what of its arguments goes where.

    `options` are given as `--name=value`, so that no value can be taken for an option; `place` comes last, by itself.
    """

    description: str
    words: tuple[str, ...]
    schema: dict[str, Any]
    options: tuple[str, ...] = ()
    place: str = ""
    adds: bool = False
    output: dict[str, Any] = field(default_factory=lambda: {"type": "object"})


COMMANDS = {
    "lint": Command(
        "The static leakage rules on Python files and notebooks of the workspace; runs nothing.",
        ("lint",), _object(("paths",), paths=_PATHS), place="paths",
    ),
    "classify": Command(
        "What kind of change lies between two revisions, and what the policy of the base asks for: allow, review or block. "
        "Runs base and head side by side unless `static_only`.",
        ("classify", "--agent"),
        _object(("base", "head"), base=_REV, head=_REV, static_only={"type": "boolean"}),
        ("base", "head", "static_only"),
    ),
    "queue_list": Command("The changes that wait for a person's sign-off.", ("review", "list"), _object()),
    "queue_show": Command(
        "One waiting change: its risks, what the policy asks for, the diff, and what people said.",
        ("review", "show"), _object(("id",), id=_ID), place="id",
    ),
    "queue_propose": Command(
        "Puts the change between two revisions into the queue, as an agent's, for people to decide on. It decides nothing.",
        ("review", "propose"),
        _object(("base", "head", "title"), base=_REV, head=_REV, title=_TITLE, use_case=_ID),
        ("base", "head", "title", "use_case"), adds=True,
    ),
    "session_list": Command("The recorded sessions of this workspace.", (), _object()),
    "session_show": Command(
        "A recorded session: its header and its events (what was built, what the gates said, who decided what).",
        ("replay",), _object(("session",), session=_SESSION), place="session",
    ),
    "rules_show": Command(
        "A rule's page: what it finds, why that is bad, how it can be wrong.",
        ("rules",), _object(("rule",), rule=_ID), place="rule",
    ),
    "status": Command("What is in production, who moved it there, and on what evidence.", ("status",), _object()),
}  # fmt: skip


class Tools:
    """The tools of one workspace; a skill is one, unless it changes something that lasts (its `effects`)."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self.root = settings.root
        # Whoever calls can't be given a key to sign with, not even by mistake.
        self.environment = {name: value for name, value in environment.items() if name not in _KEYS}
        self._listed: dict[str, types.Tool] | None = None
        self._skills: dict[str, Skill] = {}
        self._listing = anyio.Lock()

    async def all(self) -> dict[str, types.Tool]:
        """Every tool by name. Skills that aren't locked as they lie are left out: they wouldn't run."""
        async with self._listing:
            if self._listed is None:
                self._listed = await anyio.to_thread.run_sync(self._found)
            return self._listed

    def _found(self) -> dict[str, types.Tool]:
        found = {name: _tool(name, command) for name, command in COMMANDS.items()}
        locked = lock.read(self._settings.root)
        for name, skill in discover(self._settings.root).items():
            if skill.needs.effects or name in found:
                continue
            with contextlib.suppress(WorkbenchError):
                lock.check_skill(skill, locked)
                models = schemas(LoadedSkill(skill), SkillContext(self._settings, self._settings.root))
                found[name] = self._skill_tool(skill, models)
                self._skills[name] = skill
        return found

    def _skill_tool(self, skill: Skill, models: Mapping[str, Any]) -> types.Tool:
        schema = dict(models["input"])
        known = use_cases(self._settings.root)
        of = {"type": "string", "description": "the use case it is for", **({"enum": known} if known else {})}
        schema["properties"] = {**schema.get("properties", {}), "use_case": of}
        schema["required"] = [*schema.get("required", []), *(["use_case"] if len(known) != 1 else [])]
        schema["additionalProperties"] = False
        return types.Tool(
            name=skill.name,
            description=f"{skill.description} (skill {skill.version}, at most {skill.needs.seconds:g} s)",
            input_schema=schema,
            output_schema=models["output"],
            annotations=_hints(read_only=True),
        )

    def command(self, name: str, given: dict[str, Any]) -> tuple[list[str], bytes]:
        """The words after `workbench` for a call whose arguments fit the schema, and its standard input.

        Raises UsageError for a path outside of the workspace.
        """
        if name in self._skills:
            of = given.pop("use_case", "") or use_cases(self._settings.root)[0]
            return ["skill", "run", name, f"--use-case={of}", "--input=-"], json.dumps(given).encode()
        command = COMMANDS[name]
        words = list(command.words)
        for option in command.options:
            value = given.get(option)
            if value is True:
                words.append(f"--{option.replace('_', '-')}")
            elif value not in (None, False):
                words.append(f"--{option.replace('_', '-')}={value}")
        if command.place == "paths":
            words += ["--", *(str(self._inside(path)) for path in given["paths"])]
        elif command.place:
            words += ["--", str(given[command.place])]
        return words, b""

    def _inside(self, path: str) -> Path:
        root = self._settings.root.resolve()
        if "\0" in path or not (found := (root / path).resolve()).is_relative_to(root):
            raise UsageError(f"{visible(path, limit=200)} is outside of the workspace.", "give a path inside it, relative to it")
        return found


def _hints(*, read_only: bool) -> types.ToolAnnotations:
    return types.ToolAnnotations(read_only_hint=read_only, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


def _tool(name: str, command: Command) -> types.Tool:
    return types.Tool(
        name=name,
        description=command.description,
        input_schema=command.schema,
        output_schema=command.output,
        annotations=_hints(read_only=not command.adds),
    )


async def called(
    tools: Tools, settings: Settings, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
) -> types.CallToolResult:
    """Answers one call; what is wrong with it is the tool's answer, in a sentence with a hint, and no fault of the protocol."""
    given = dict(params.arguments or {})
    try:
        if len(json.dumps(given)) > MOST_ARGUMENTS:
            raise UsageError(f"The arguments are larger than {MOST_ARGUMENTS:,} bytes.", "give less")
        if params.name in COMMANDS:
            schema = COMMANDS[params.name].schema
        elif params.name in (listed := await tools.all()):
            schema = listed[params.name].input_schema
        else:
            raise UsageError(f"There is no tool `{visible(params.name, limit=80)}`.", f"there are: {', '.join(listed)}")
        _fits(given, schema)
        words, stdin = tools.command(params.name, given)
    except WorkbenchError as error:
        return _failed(error.kind, error.message, error.hint, int(error.code))
    if params.name == "session_list":
        return _answer({"sessions": await anyio.to_thread.run_sync(_sessions, settings)})
    code, output, told = await _ran(tools, words, stdin, context)
    try:
        answer = json.loads(output)
    except ValueError:
        return _failed("fault", f"`workbench {words[0]}` gave no answer (exit {code}).", told or "see its standard error", code)
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict) and "exit" in answer["error"]:
        wrong = answer["error"]
        return _failed(str(wrong.get("kind")), str(wrong.get("message")), str(wrong.get("hint", "")), code)
    return _answer(answer if isinstance(answer, dict) else {"answer": answer})


def _answer(value: dict[str, Any]) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=json.dumps(value))], structured_content=value)


def _sessions(settings: Settings) -> list[dict[str, Any]]:
    """The headers of all recorded sessions, the newest last; one that can't be read says why."""
    found: list[dict[str, Any]] = []
    for place in sorted((settings.root / "sessions").glob("*/session.json")):
        try:
            header = read_session(place.parent).header
        except WorkbenchError as error:
            found.append({"id": place.parent.name, "problem": error.message})
        else:
            found.append(header.model_dump(mode="json"))
    return found


def _fits(given: dict[str, Any], schema: dict[str, Any]) -> None:
    wrong = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(given)), None)
    if wrong is not None:
        where = ".".join(map(str, wrong.absolute_path)) or "the arguments"
        raise UsageError(f"`{visible(where, limit=80)}`: {visible(wrong.message, limit=300)}.", "see the tool's input schema")


def _failed(kind: str, message: str, hint: str, code: int) -> types.CallToolResult:
    text = visible(f"{message}\nhint: {hint}" if hint else message, newlines=True)
    body = {"format": 1, "error": {"kind": kind, "message": message, "hint": hint, "exit": code}}
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], structured_content=body, is_error=True)


async def _ran(tools: Tools, words: list[str], stdin: bytes, context: ServerRequestContext[Any, Any]) -> tuple[int, bytes, str]:
    """Runs `workbench` and reports what it says as progress: exit code, standard output, the end of what it said."""
    program = [sys.executable, "-P", "-m", "workbench", "-C", str(tools.root), "--json", "--no-input", "--no-color", *words]
    async with _process(program, stdin, tools.environment) as process:
        output, said = bytearray(), bytearray()

        async def listen() -> None:
            step, rest = 0, b""
            assert process.stderr is not None
            async for piece in process.stderr:
                said.extend(piece)
                del said[:-_LAST_WORDS]
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    step += 1
                    text = visible(line.decode("utf-8", "replace").strip(), limit=300)
                    await context.session.report_progress(step, None, text)

        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            assert process.stdout is not None
            async for piece in process.stdout:
                output.extend(piece)
                if len(output) > _MOST_OUTPUT:
                    process.kill()
                    break
        code = await process.wait()
    return code, bytes(output), visible(bytes(said).decode("utf-8", "replace"), newlines=True)


@contextlib.asynccontextmanager
async def _process(program: list[str], stdin: bytes, environment: Mapping[str, str]) -> AsyncIterator[anyio.abc.Process]:
    """A process with its input; however the block ends, it and its group have ended when it is left."""
    process = await anyio.open_process(program, start_new_session=True, env=environment)
    try:
        assert process.stdin is not None
        with contextlib.suppress(anyio.BrokenResourceError, BrokenPipeError):
            await process.stdin.send(stdin)
        await process.stdin.aclose()
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            await process.aclose()


def _resources(settings: Settings) -> dict[str, Path]:
    """What can be read besides: contracts and policies as they lie."""
    places = {name: settings.root / "pipelines" / name for name in use_cases(settings.root)}
    found = {f"workbench://contract/{name}": place / "contract.toml" for name, place in places.items()}
    found |= {f"workbench://about/{name}": place / "README.md" for name, place in places.items()}
    for path in sorted((settings.root / "review_policies").glob("*.toml")):
        found[f"workbench://policy/{path.stem}"] = path
    return {uri: path for uri, path in found.items() if path.is_file()}


def server(settings: Settings, environment: Mapping[str, str]) -> Server[Any]:
    """The server of one workspace; `environment` is what the commands it runs get, keys apart."""
    tools = Tools(settings, environment)

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=list((await tools.all()).values()))

    async def call_tool(context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams) -> types.CallToolResult:
        return await called(tools, settings, context, params)

    async def list_resources(context: Any, params: Any) -> types.ListResourcesResult:
        found = [
            types.Resource(uri=uri, name=uri.removeprefix("workbench://"), mime_type="text/plain") for uri in _resources(settings)
        ]
        return types.ListResourcesResult(resources=found)

    async def read_resource(context: Any, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        path = _resources(settings).get(str(params.uri))
        if path is None:
            raise MCPError(types.INVALID_PARAMS, "There is no such resource; list them first.")
        text = await anyio.to_thread.run_sync(partial(path.read_text, "utf-8", "replace"))
        return types.ReadResourceResult(contents=[types.TextResourceContents(uri=params.uri, mime_type="text/plain", text=text)])

    return Server(
        "workbench",
        version=__version__,
        instructions="Tools of Workbench: gates that find leaks in a forecasting pipeline, skills that build, audit and evaluate "
        "and propose repairs, and the queue of changes that wait for a person. A skill that would change code answers `edits`; "
        "write them to a branch and propose it with `queue_propose`. Only people sign, apply and release.",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
    )


def serve(settings: Settings, environment: Mapping[str, str]) -> None:
    """Serves on standard input and output until the input ends."""

    async def run() -> None:
        made = server(settings, environment)
        async with stdio_server() as (read, write):
            await made.run(read, write, made.create_initialization_options())

    anyio.run(run)
