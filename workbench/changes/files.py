"""What kind of change a changed file is that isn't Python: configuration compared by meaning, data, notebooks, links, …

And what follows for any file from being named in the code of a stage.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from workbench.changes.code import hidden_characters, parse_module
from workbench.changes.contracts import flat, parsed, stage_kinds
from workbench.changes.idioms import binding_signs, changed_signs
from workbench.changes.model import Risk, RiskKind, shown_path
from workbench.changes.scene import Scene, StageReach
from workbench.changes.signs import TABLES

_DEPENDENCY_KEYS = (
    "project.dependencies", "project.optional-dependencies", "project.requires-python", "project.dynamic", "dependency-groups",
    "build-system", "tool.uv", "tool.pip", "tool.poetry.dependencies", "tool.poetry.group", "tool.poetry.source",
    "tool.poetry.extras", "tool.pdm", "tool.hatch", "tool.setuptools", "tool.flit", "tool.conda", "tool.pixi", "tool.rye",
)  # fmt: skip
_ENTRY_KEYS = ("project.scripts", "project.gui-scripts", "project.entry-points", "tool.poetry.scripts", "tool.poetry.plugins")
_WORDS_KEYS = tuple(
    f"project.{name}" for name in ("description", "readme", "license", "license-files", "authors", "maintainers", "keywords",
                                   "classifiers", "urls", "name", "version")
)  # fmt: skip
_DEPLOYMENT_SETTINGS = ("release", "serving", "serve", "mlflow", "canary", "shadow", "deploy", "targets")
_POINTER = b"version https://git-lfs.github.com/spec/"
_QUERIES = (".sql", ".j2", ".jinja", ".jinja2", ".graphql", ".cypher")
_SEED = re.compile(r"(?i)^\W*[\w.-]*(?:seed|random_state)\w*[\"']?\s*[:=].*")
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"\x00\x00\x01\x00")
_DATA_MAGIC = (b"PAR1", b"ARROW1", b"Obj\x01")


def judge_named(scene: Scene, path: str) -> Iterator[Risk]:
    """The kinds of every stage whose code names this file in a string: what reaches a file decides, not where it lies."""
    seen: set[tuple[RiskKind, str, str]] = set()
    for side in scene.sides:
        for found, (module, part) in side.text_users(path):
            for kind in stage_kinds(found.stage):
                if found.stage in TABLES and path.endswith(_QUERIES):
                    yield from _query(found, path, seen)
                if (kind, found.use_case.name, found.stage) not in seen:
                    seen.add((kind, found.use_case.name, found.stage))
                    reason = f"the {found.stage} stage of {found.use_case.name} names this file (in `{part}` of {module})"
                    yield Risk(
                        kind=kind, path=shown_path(path), reason=reason, stage=found.stage, use_case=found.use_case.name
                    )  # fmt: skip


def _query(found: StageReach, path: str, seen: set[tuple[RiskKind, str, str]]) -> Iterator[Risk]:
    """What a text that a database is asked with decides: rows and outcomes come of it."""
    for kind in (RiskKind.SPLIT, RiskKind.LABEL):
        if (kind, found.use_case.name, found.stage) not in seen:
            seen.add((kind, found.use_case.name, found.stage))
            yield Risk(
                kind=kind, path=shown_path(path), reason=f"the {found.stage} stage of {found.use_case.name} asks for rows by it",
                stage=found.stage, use_case=found.use_case.name,
            )  # fmt: skip


def judge_pyproject(path: str, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """`pyproject.toml` by its keys: dependencies, tools (checks), entry points, words."""
    for key in _changed_keys(path, before, after):
        if isinstance(key, Risk):
            yield key
            continue
        kinds = [RiskKind.GATE]
        if key.startswith(_DEPENDENCY_KEYS):
            kinds = [RiskKind.DEPENDENCY]
        elif key.startswith(_ENTRY_KEYS):
            kinds = [RiskKind.GATE, RiskKind.DEPENDENCY]
        elif key.startswith(_WORDS_KEYS):
            kinds = [RiskKind.DOCS]
        elif not key.startswith("tool."):
            kinds = [RiskKind.UNKNOWN]
        for kind in kinds:
            yield Risk(kind=kind, path=shown_path(path), symbol=key, reason=f"`{key}` changed")


def judge_settings(path: str, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """`workbench.toml`: what checks and budgets obey is `gate`, what releases obey `deployment`."""
    for key in _changed_keys(path, before, after):
        if isinstance(key, Risk):
            yield key
        else:
            kind = RiskKind.DEPLOYMENT if key.partition(".")[0] in _DEPLOYMENT_SETTINGS else RiskKind.GATE
            yield Risk(kind=kind, path=shown_path(path), symbol=key, reason=f"the setting `{key}` changed")


def _changed_keys(path: str, before: bytes | None, after: bytes | None) -> Iterator[str | Risk]:
    old, new = parsed(before), parsed(after)
    if old is None or new is None:
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason="the file can't be read as TOML")
        return
    if before is not None and after is not None and repr(old) == repr(new):
        yield from _reworded(path, before, after)
        return
    flat_old, flat_new = flat(old), flat(new)
    yield from (key for key in {**flat_old, **flat_new} if repr(flat_old.get(key, ...)) != repr(flat_new.get(key, ...)))
    if before is None or after is None:
        yield Risk(kind=RiskKind.GATE, path=shown_path(path), reason=f"the file was {'added' if before is None else 'removed'}")


def _reworded(path: str, before: bytes, after: bytes) -> Iterator[Risk]:
    lines = [[line.strip() for line in content.splitlines() if line.strip()] for content in (before, after)]
    same = lines[0] == lines[1] or path.endswith(".json")
    if same:
        yield Risk(kind=RiskKind.FORMAT, path=shown_path(path), reason="only the layout changed")
    else:
        yield Risk(kind=RiskKind.DOCS, path=shown_path(path), reason="it says the same in other words")


def judge_config(scene: Scene, path: str, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """A configuration file of no known use: what names it decides; where nothing does, `unknown`."""
    if before is not None and after is not None and _same_meaning(path, before, after):
        yield from _reworded(path, before, after)
        return
    named = list(judge_named(scene, path))
    yield from named
    lines = [set((content or b"").decode("utf-8", "replace").splitlines()) for content in (before, after)]
    if any(_SEED.match(line) for line in lines[0] ^ lines[1]):
        reason = "sets another seed: whether a better result is better or only luckier can't be told"
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason=reason)
    if not named:
        reason = "nothing says what reads this file, so what it changes is not known"
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason=reason)


def _same_meaning(path: str, before: bytes, after: bytes) -> bool:
    try:
        old, new = before.decode("utf-8"), after.decode("utf-8")
        if path.endswith(".json"):
            return repr(json.loads(old)) == repr(json.loads(new))
        if path.endswith((".yaml", ".yml")):
            return _yaml_events(old) == _yaml_events(new)
        if path.endswith(".toml"):
            return parsed(before) is not None and repr(parsed(before)) == repr(parsed(after))
    except (ValueError, RecursionError):
        return False
    return False


def _yaml_events(text: str) -> list[Any]:
    """The document without layout and comments; aliases stay aliases, so that nothing is multiplied out."""
    import yaml

    names = ("anchor", "tag", "implicit", "value", "version", "tags")
    try:
        return [(type(event).__name__, *(getattr(event, name, None) for name in names)) for event in yaml.parse(text)]
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def judge_notebook(path: str, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """A notebook: its code cells are code that a person starts, its outputs and its text are words."""
    place = shown_path(path)
    old, new = _cells(before), _cells(after)
    if old is None or new is None:
        yield Risk(kind=RiskKind.UNKNOWN, path=place, reason="the notebook can't be read")
        return
    if before is not None and old == new:
        yield Risk(kind=RiskKind.DOCS, path=place, reason="only outputs, text or metadata of the notebook changed")
        return
    modules = [parse_module("\n".join(_plain(cell) for cell in cells), path, "notebook") for cells in (old, new)]
    if modules[0] is None or modules[1] is None:
        yield Risk(kind=RiskKind.UNKNOWN, path=place, reason="a code cell can't be parsed as Python")
        return
    if before is not None and after is not None and ast.dump(modules[0].tree) == ast.dump(modules[1].tree):
        yield Risk(kind=RiskKind.DOCS, path=place, reason="only comments or layout of code cells changed")
        return
    yield Risk(
        kind=RiskKind.UNKNOWN,
        path=place,
        reason="code cells of a notebook changed; a person starts them, and nothing says what they do",
    )
    shared = frozenset(modules[0].bindings) | frozenset(modules[1].bindings)
    for sign in binding_signs(modules[0].bindings, modules[1].bindings):
        yield Risk(kind=sign.kind, path=place, reason=f"a code cell {sign.reason}")
    for sign, line in changed_signs([modules[0].tree], [modules[1].tree], shared):
        if not sign.stages:
            yield Risk(kind=sign.kind, path=place, line=line, reason=f"a code cell {sign.reason}")


def _cells(content: bytes | None) -> list[str] | None:
    if content is None:
        return []
    try:
        notebook = json.loads(content.decode("utf-8"))
        cells = notebook["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        return [source if isinstance(source, str) else "".join(source) for source in code]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _plain(cell: str) -> str:
    """Magics and shell lines stand for an opaque call, so that changing one is a change of code."""
    return "\n".join(f"system({line!r})" if line.lstrip().startswith(("%", "!", "?")) else line for line in cell.splitlines())


def judge_docs(scene: Scene, path: str, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """Text for people, unless the code of a stage names it, or it hides something from its reader."""
    yield from judge_named(scene, path)
    place = shown_path(path)
    old, new = ((content or b"").decode("utf-8", "replace") for content in (before, after))
    # A zero-width joiner belongs into emoji and some scripts; what reorders the line doesn't belong into a diff.
    hidden = {c for c in hidden_characters(new) - hidden_characters(old) if c not in "\u200c\u200d\ufeff\u00ad"}
    if hidden:
        codes = ", ".join(f"U+{ord(character):04X}" for character in sorted(hidden))
        yield Risk(
            kind=RiskKind.UNKNOWN, path=place, reason=f"holds characters that can't be seen or that reorder the line ({codes})"
        )
    if path.endswith(".svg") and b"<script" in (after or b"").lower():
        yield Risk(kind=RiskKind.UNKNOWN, path=place, reason="the drawing holds a script")
    yield Risk(kind=RiskKind.DOCS, path=place, reason="text for people")


def judge_image(scene: Scene, path: str, after: bytes | None) -> Iterator[Risk]:
    """A picture is text for people where its bytes are those of a picture."""
    yield from judge_named(scene, path)
    if after is None or after.startswith(_IMAGES):
        yield Risk(kind=RiskKind.DOCS, path=shown_path(path), reason="a picture")
    else:
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason="called a picture, but its bytes are something else")


def judge_data(scene: Scene, path: str, after: bytes | None, *, is_new: bool = False) -> Iterator[Risk]:
    """Values: `data`, `label` (outcomes come from them), and the kind of every stage that names the file.

    A new file that no stage names is `data` alone: nobody can read it yet.
    """
    named = list(judge_named(scene, path))
    yield from named
    place = shown_path(path)
    if named or not is_new:
        reason = (
            "rows and outcomes come from this file" if named else "nothing says who reads this file; outcomes may come from it"
        )
        yield Risk(kind=RiskKind.LABEL, path=place, reason=reason)
    reason = "a data file was removed" if after is None else "the bytes of a data file changed"
    if after is not None and after.startswith(_POINTER):
        yield Risk(kind=RiskKind.UNKNOWN, path=place, reason="a pointer to content that lies elsewhere and was not looked at")
    yield Risk(kind=RiskKind.DATA, path=place, reason=reason)


def is_binary(content: bytes | None) -> bool:
    """Whether the bytes are no text in UTF-8."""
    if content is None:
        return False
    if b"\0" in content:
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False
