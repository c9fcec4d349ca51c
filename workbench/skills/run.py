"""Runs one skill: its bytes are checked against the lock, its input against its own model, and its answer is on record.

A skill is a module with `Input` and `Output` (pydantic models) and `run(context, input) -> Output`. `Output.ok = False`
is an answer, too ("the build failed, here is why"); an exception is a fault. A skill that would change pipeline code
answers `edits: {path: new text | None}` and a `summary`; it writes nothing itself.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from workbench.errors import ConfigError, UsageError
from workbench.settings import Settings
from workbench.skills import lock
from workbench.skills.discover import FOLDER, Skill, find, skill_from
from workbench.skills.tree import File, read_folder
from workbench.visible import visible


@dataclass(frozen=True)
class SkillContext:
    """Where a skill works.

    `root` is the code tree that it works on (a checkout of a change, or the workspace itself); skills themselves always
    come from `settings.root`. `extras` are live objects a caller shares to save time (loaded tables); an answer must
    not depend on them, because a replay has none.
    """

    settings: Settings
    root: Path
    use_case: str = ""
    tree: str = ""
    """Git tree id of `root`, where the caller knows it."""
    progress: Callable[[str], None] | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """Reports progress where somebody listens."""
        if self.progress is not None:
            self.progress(text)


@dataclass(frozen=True)
class SkillRun:
    """What one run was: the skill's exact version, its validated input and its output (JSON values), and wall seconds."""

    name: str
    version: str
    tree_id: str
    input: dict[str, Any]
    output: dict[str, Any]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the skill's own answer is a yes; an output without `ok` is one."""
        return bool(self.output.get("ok", True))


@dataclass(frozen=True)
class LoadedSkill:
    """A skill whose code has been imported from exactly the bytes that `skill.tree_id` names."""

    skill: Skill
    input_model: type[BaseModel]
    output_model: type[BaseModel]
    run: Callable[[SkillContext, Any], BaseModel]
    modules: dict[str, ModuleType]
    files: Mapping[str, File]


def run_skill(context: SkillContext, name: str, input: Mapping[str, Any] | None = None) -> SkillRun:
    """Runs the workspace's skill `name` on `input`.

    Raises UsageError for an unknown skill or a bad field of the input, Refusal where the skill's bytes aren't the
    locked ones, ConfigError where it can't be imported, and what the skill itself raises.
    """
    root = context.settings.root
    skill = find(root, name)
    lock.check_skill(skill, lock.read(root))
    return execute(load(skill.path, skill.tree_id), context, input or {})


def execute(loaded: LoadedSkill, context: SkillContext, input: Mapping[str, Any]) -> SkillRun:
    """Runs a skill that `load` has checked; errors as `run_skill`."""
    skill = loaded.skill
    try:
        validated = loaded.input_model.model_validate(dict(input))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "input"
        fields = ", ".join(loaded.input_model.model_fields) or "none"
        message = f"Input of the skill `{skill.name}`: `{visible(where, limit=80)}`: {visible(first['msg'], limit=300)}."
        raise UsageError(message, f"its fields are: {fields}") from None
    begin = time.perf_counter()
    with _imports(skill.path, loaded.files, loaded.modules):
        output = loaded.run(context, validated)
    seconds = time.perf_counter() - begin
    if not isinstance(output, loaded.output_model):
        raise ConfigError(f"The skill `{skill.name}` returned {type(output).__name__} instead of its Output.", "mend its run()")
    dumped = output.model_dump(mode="json")
    return SkillRun(skill.name, skill.version, skill.tree_id, validated.model_dump(mode="json"), dumped, seconds)


def load(folder: Path, expected: str) -> LoadedSkill:
    """Imports the skill in `folder` from its sources, never from a cached bytecode file.

    `expected` is the tree id that was checked: the bytes that run are read once more and must have it. Raises
    ConfigError for a skill that can't be imported or lacks Input, Output or run.
    """
    key = (folder, expected)
    files = read_folder(folder)
    skill = skill_from(folder, files)
    if skill.tree_id != expected:
        raise ConfigError(f"The skill `{skill.name}` changed while it was being loaded.", "run it again")
    if key in _LOADED:
        return _LOADED[key]
    modules: dict[str, ModuleType] = {}
    module_name, _, callable_name = skill.entry.partition(":")
    with _imports(folder, files, modules):
        try:
            module = importlib.import_module(f"{FOLDER}.{skill.name}.{module_name}")
        except (ImportError, SyntaxError) as error:
            reason = visible(f"{type(error).__name__}: {error}", limit=300)
            raise ConfigError(
                f"The skill `{skill.name}` can't be imported: {reason}.", f"mend skills/{skill.name}/{module_name}.py"
            ) from None
    parts = {part: getattr(module, part, None) for part in ("Input", "Output", callable_name)}
    for part, found in parts.items():
        fits = callable(found) if part == callable_name else isinstance(found, type) and issubclass(found, BaseModel)
        if not fits:
            what = "a function" if part == callable_name else "a pydantic model"
            raise ConfigError(f"The skill `{skill.name}` has no `{part}` in {module_name}.py.", f"it has to be {what}")
    loaded = LoadedSkill(skill, module.Input, module.Output, getattr(module, callable_name), modules, files)
    _LOADED[key] = loaded
    return loaded


_LOADED: dict[tuple[Path, str], LoadedSkill] = {}
# One skill at a time in a process: while it runs, `skills` in the import system means exactly its bytes.
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def _imports(folder: Path, files: Mapping[str, File], modules: dict[str, ModuleType]) -> Iterator[None]:
    """Makes `skills.<name>` importable from `files` alone; what was there before comes back afterwards."""
    with _ONE_AT_A_TIME:
        before = _take_skills()
        sys.modules.update(modules)
        finder = _Finder(folder, files)
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)
            modules.update(_take_skills())
            sys.modules.update(before)


def _take_skills() -> dict[str, ModuleType]:
    taken = {name: module for name, module in sys.modules.items() if name == FOLDER or name.startswith(f"{FOLDER}.")}
    for name in taken:
        del sys.modules[name]
    return taken


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and executes the modules of one skill from bytes in memory; any other `skills.…` isn't there."""

    def __init__(self, folder: Path, files: Mapping[str, File]) -> None:
        self._folder = folder
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != FOLDER:
            return None
        found = self._source(fullname)
        if found is None:
            raise ModuleNotFoundError(f"No module named {fullname!r} in the skill {self._folder.name}", name=fullname)
        is_package, origin = found
        where = str(self._folder / origin) if origin else None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=where, is_package=is_package)
        if is_package:
            # For pkgutil, which lists what is there; whatever is imported still comes from the bytes in memory.
            spec.submodule_search_locations = [str(self._folder.joinpath(*fullname.split(".")[2:]))] if "." in fullname else []
        spec.has_location = bool(origin)
        return spec

    def exec_module(self, module: ModuleType) -> None:
        found = self._source(module.__name__)
        if found is not None and found[1] in self._files:
            source = self._files[found[1]].content
            code: CodeType = compile(source, str(self._folder / found[1]), "exec", dont_inherit=True)
            exec(code, module.__dict__)

    def _source(self, fullname: str) -> tuple[bool, str] | None:
        """Whether it is a package, and the file in the skill (empty for a package without one)."""
        parts = fullname.split(".")
        if len(parts) == 1:
            return True, ""
        if parts[1] != self._folder.name:
            return None
        inner = "/".join(parts[2:])
        package = f"{inner}/__init__.py" if inner else "__init__.py"
        if package in self._files or not inner:
            return True, package if package in self._files else ""
        if f"{inner}.py" in self._files:
            return False, f"{inner}.py"
        if any(path.startswith(f"{inner}/") for path in self._files):
            return True, ""
        return None
