"""What the model may call: the place where it edits, the skills that write nothing, and the three ways to end its turn.

A skill that declares `writes` (register, promote, rollback) isn't offered, whatever it is called; nothing here signs, applies or
releases. A call that can't be done is answered as an error, and the model goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import UsageError, WorkbenchError
from workbench.loop import looks
from workbench.loop.answering import refuse_effects
from workbench.loop.dialogue.prompt import cut, fenced, shown
from workbench.loop.dialogue.schema import given_input, is_text, strict_of, strict_schema
from workbench.loop.dialogue.stream import INVALID
from workbench.loop.drivers.answers import Answer, Done, Edited, NoCure, Question
from workbench.loop.turn import Turn
from workbench.loop.workplace import edited_tree
from workbench.sessions.events import SkillRan
from workbench.sessions.reader import read_session
from workbench.skills import lock
from workbench.skills.discover import Skill, discover
from workbench.skills.run import SkillContext, load, schemas

SKILL = "skill_"
"""In front of a skill's name, so that none can take the place of another tool."""

_QUIET = frozenset({"profile", "explain", "validate", "migrate", "upgrade", "deleak", "resplit"})
"""Skills that show no score on the test; before any other, the tree is built, which counts the look."""
_OURS = {"audit": frozenset({"looks"})}
"""Fields that the loop fills in itself."""
_SCHEMAS: dict[str, dict[str, Any]] = {}
_MARK = "[redacted:"
_LINES = 2000


@dataclass(frozen=True)
class Result:
    """The answer to one call; `ends` is set where the call ends the turn."""

    text: str
    error: bool = False
    ends: Answer | None = None


def _tool(name: str, description: str, required: Mapping[str, str], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    properties: dict[str, Any] = {key: {"type": "string", "description": words} for key, words in required.items()}
    properties |= optional or {}
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return {"name": name, "description": description, "input_schema": schema}


_PATH = "relative to the workspace, such as pipelines/sales/features.py"
_LINE = {"type": "integer", "description": "a line number, counted from 1"}
_OWN = (
    _tool("files", "Lists the files that can be read.", {"pattern": "a shell pattern over whole paths; * for all"}),
    _tool("read", "A file's text as it is now, with line numbers.", {"path": _PATH}, {"first": _LINE, "last": _LINE}),
    _tool("search", "Lines that match a regular expression (RE2).",
          {"expression": "what to look for", "paths": "a shell pattern over whole paths; * for all"}),
    _tool("edit", "Replaces a text that is in the file exactly once.",
          {"path": _PATH, "old": "the text as it is, without line numbers", "new": "the text that takes its place"}),
    _tool("write", "Writes a whole file, new or not.", {"path": _PATH, "text": "everything that it is to hold"}),
    _tool("remove", "Removes a file.", {"path": _PATH}),
    _tool("done", "Ends your turn. The loop builds and gates what you edited and asks whom the policy names.",
          {"summary": "one line: what the edits do", "words": "why this is the right cure, for the person who reviews it"}),
    _tool("ask", "Ends your turn with a question that only a person can answer; what they say comes back to you.",
          {"question": "one short question"}),
    _tool("give_up", "Ends your turn: you know no honest cure.", {"reason": "what you found, and what a person should look at"}),
)  # fmt: skip


@dataclass
class Tools:
    """The tools of one turn: `specs` for the request, `call` for what the model asks for."""

    turn: Turn
    _texts: dict[str, frozenset[str]] = field(default_factory=dict)
    _fields: dict[str, frozenset[str]] = field(default_factory=dict)

    def specs(self) -> list[dict[str, Any]]:
        """Every tool, in the same order each time."""
        root = self.turn.ctx.settings.root
        locked = lock.read(root)
        found = [*_OWN]
        for name, skill in sorted(discover(root).items()):
            entry = locked.get(name)
            if skill.needs.effects or skill.needs.network or entry is None or entry.tree != skill.tree_id:
                continue
            schema, self._texts[name] = strict_schema(self._input_of(skill), _OURS.get(name, frozenset()))
            self._fields[name] = frozenset(schema["properties"])
            found.append({"name": f"{SKILL}{name}", "description": skill.description, "input_schema": schema})
        return strict_of(found)

    def as_recorded(self, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The tools of a recorded request, which are those of the skills as they were then."""
        for tool in tools:
            if tool["name"].startswith(SKILL):
                name, properties = tool["name"].removeprefix(SKILL), tool["input_schema"]["properties"]
                self._fields[name] = frozenset(properties)
                self._texts[name] = frozenset(key for key, schema in properties.items() if is_text(schema))
        return tools

    def _input_of(self, skill: Skill) -> dict[str, Any]:
        """The JSON schema of a skill's input; its code is imported where skills run, once for all turns."""
        if skill.tree_id not in _SCHEMAS:
            ctx = self.turn.ctx
            where = SkillContext(ctx.settings, ctx.settings.root, ctx.use_case)
            _SCHEMAS[skill.tree_id] = schemas(load(skill.path, skill.tree_id), where)["input"]
        return _SCHEMAS[skill.tree_id]

    def call(self, name: str, arguments: Mapping[str, Any]) -> Result:
        """Does what the call asks for; whatever is wrong with it is said in the result."""
        if INVALID in arguments:
            return Result("The arguments are not a JSON object; nothing was done.", error=True)
        known: dict[str, Callable[..., Result]] = {
            "files": self._files, "read": self._read, "search": self._search, "edit": self._edit, "write": self._write,
            "remove": self._remove, "done": self._done, "ask": self._ask, "give_up": self._give_up,
        }  # fmt: skip
        try:
            if name in known:
                return known[name](**self._checked(name, arguments))
            if name.startswith(SKILL) and name.removeprefix(SKILL) in self._texts:
                return self._skill(name.removeprefix(SKILL), arguments)
        except looks.LooksSpent:
            raise
        except WorkbenchError as error:
            return Result(shown(self.turn.ctx.settings, str(error), 4000), error=True)
        return Result(f"There is no tool called {name[:80]!r}.", error=True)

    def _checked(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        schema = next(tool["input_schema"] for tool in _OWN if tool["name"] == name)
        types = {"string": str, "integer": int}
        for key, value in arguments.items():
            if key not in schema["properties"]:
                raise UsageError(f"`{name}` has no argument {key[:80]!r}.", f"it takes: {', '.join(schema['properties'])}")
            if not isinstance(value, types[schema["properties"][key]["type"]]) or isinstance(value, bool):
                raise UsageError(f"The argument `{key}` of `{name}` has the wrong type.", "see its schema")
        missing = [key for key in schema["required"] if key not in arguments]
        if missing:
            raise UsageError(f"`{name}` lacks the argument `{missing[0]}`.", "nothing was done; call it again with all of them")
        return dict(arguments)

    def _cut(self, text: str) -> str:
        return cut(text, self.turn.ctx.settings.claude.tool_result_characters)

    def _files(self, pattern: str) -> Result:
        found = self.turn.place.paths(pattern)
        return Result(fenced("files", self._cut("\n".join(found) or "(none)")))

    def _read(self, path: str, first: int = 1, last: int | None = None) -> Result:
        lines = self.turn.place.read(path).splitlines()
        end = min(last if last is not None else first + _LINES - 1, len(lines))
        chosen = [f"{number:>5}  {lines[number - 1]}" for number in range(max(first, 1), end + 1)]
        note = "" if end >= len(lines) else f"\n(lines {end + 1} to {len(lines)} are not shown)"
        return Result(fenced(path, self._cut("\n".join(chosen))) + note)

    def _search(self, expression: str, paths: str) -> Result:
        hits = list(self.turn.place.search(expression, paths))
        text = "\n".join(f"{hit.path}:{hit.line}: {hit.text[:400]}" for hit in hits) or "(nothing matches)"
        return Result(fenced("search", self._cut(text)))

    def _edit(self, path: str, old: str, new: str) -> Result:
        _refuse_marks(new)
        self.turn.place.edit(path, old, new)
        return Result(f"{path} is edited.")

    def _write(self, path: str, text: str) -> Result:
        _refuse_marks(text)
        self.turn.place.write(path, text)
        return Result(f"{path} is written.")

    def _remove(self, path: str) -> Result:
        self.turn.place.write(path, None)
        return Result(f"{path} is removed.")

    def _done(self, summary: str, words: str) -> Result:
        edits = self.turn.place.edits
        title = " ".join(summary.split())[:200]
        if edits and not title:
            raise UsageError("The summary is empty.", "say in one line what the edits do")
        if edits:
            return Result("", ends=Edited(edits, title, words[:4000]))
        if self.turn.failure is None:
            return Result("", ends=Done(title))
        raise UsageError("You edited nothing, and it still fails.", "edit, ask, or give_up")

    def _ask(self, question: str) -> Result:
        if not question.strip():
            raise UsageError("The question is empty.", "ask one short question")
        return Result("", ends=Question(question.strip()[:2000]))

    def _give_up(self, reason: str) -> Result:
        said = " ".join(reason.split())[:2000] or "the model gave no reason"
        return Result("", ends=NoCure(said) if self.turn.failure is not None else Done(said))

    def _skill(self, name: str, arguments: Mapping[str, Any]) -> Result:
        refuse_effects(self.turn.ctx, name)
        try:
            given = given_input(arguments, self._texts[name])
        except ValueError:
            raise UsageError("A field that is to hold JSON doesn't.", "nothing was run; write valid JSON") from None
        unknown = given.keys() - self._fields[name]
        if unknown:
            raise UsageError(f"There is no field `{min(unknown)[:80]}`.", "nothing was run; leave it out")
        tree = self._tree()
        if name not in _QUIET:
            built = self._output("build", tree, {})
            if name == "build" or not built.get("ok"):
                return self._shown("build", built)
        given |= looks.given(self.turn.ctx) if name == "audit" else {}
        output = self._output(name, tree, given)
        return self._taken(name, output) if output.get("edits") else self._shown(name, output)

    def _taken(self, name: str, output: Mapping[str, Any]) -> Result:
        """A skill's edits go into the place like the model's own."""
        for path, text in output["edits"].items():
            self.turn.place.write(path, text)
        said = {"edited": sorted(output["edits"]), "summary": output.get("summary", "")}
        return self._shown(name, said)

    def _shown(self, name: str, output: Mapping[str, Any]) -> Result:
        limit = self.turn.ctx.settings.claude.tool_result_characters
        return Result(fenced(f"{SKILL}{name}", shown(self.turn.ctx.settings, dict(output), limit)))

    def _tree(self) -> str:
        """The place as a tree, kept for a replay."""
        ctx, place = self.turn.ctx, self.turn.place
        tree = edited_tree(ctx.repo, place.tree, place.edits, ctx.settings.data)
        if tree != place.tree:
            ctx.keep(tree, "looked at by the driver")
        return tree

    def _output(self, name: str, tree: str, given: dict[str, Any]) -> dict[str, Any]:
        """The skill's answer; what this step asked before, also before a kill, is taken from the record."""
        ctx = self.turn.ctx
        for event in read_session(ctx.writer.directory).events:
            if isinstance(event, SkillRan) and (event.step, event.name, event.code) == (self.turn.step, name, tree):
                known = ctx.read_blob(event.input)
                if {key: known.get(key) for key in given} == json.loads(json.dumps(given)):
                    return dict(ctx.read_blob(event.output))
        return dict(ctx.skill(name, tree, given, step=self.turn.step).output)


def _refuse_marks(text: str) -> None:
    if _MARK in text:
        raise UsageError("The text holds something that looks like a secret and was taken out.", "keep secrets out of the code")
