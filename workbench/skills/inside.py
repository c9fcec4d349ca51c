"""A skill's own code, in the process that is confined for it: imports it from the checked bytes, asks it, words its end.

What comes in was written by `confined.py`; what goes out is one JSON value, which nobody outside trusts.
"""

from __future__ import annotations

import errno
import importlib
import importlib.abc
import importlib.machinery
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from workbench import errors
from workbench.errors import ConfigError, Refusal, UsageError, WorkbenchError
from workbench.skills.context import SkillContext
from workbench.skills.discover import FOLDER, Skill, skill_from
from workbench.skills.tree import File, read_folder
from workbench.visible import visible


@dataclass(frozen=True)
class Imported:
    """A skill whose code has been imported from exactly the bytes that were checked."""

    skill: Skill
    input_model: type[BaseModel]
    output_model: type[BaseModel]
    run: Callable[[SkillContext, Any], BaseModel]


def checked(folder: Path, expected: str) -> tuple[Skill, dict[str, File]]:
    """The skill in `folder` and its files, read once. Raises ConfigError unless their tree id is `expected`."""
    files = read_folder(folder)
    skill = skill_from(folder, files)
    if skill.tree_id != expected:
        raise ConfigError(f"The skill `{skill.name}` changed while it was being loaded.", "run it again")
    return skill, files


def imported(skill: Skill) -> Imported:
    """Imports the skill inside of `importing`. Raises ConfigError where it can't be, or lacks Input, Output or run."""
    module_name, _, callable_name = skill.entry.partition(":")
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
    return Imported(skill, module.Input, module.Output, getattr(module, callable_name))


def schemas(skill: Skill, files: Mapping[str, File]) -> dict[str, Any]:
    """JSON schemas of the skill's input and output."""
    with importing(skill.path, files):
        found = imported(skill)
        return {"input": found.input_model.model_json_schema(), "output": found.output_model.model_json_schema()}


def answered(skill: Skill, files: Mapping[str, File], context: SkillContext, input: Mapping[str, Any]) -> dict[str, Any]:
    """Runs the skill: its validated input, its output and its wall seconds. Raises UsageError for a bad field."""
    with importing(skill.path, files):
        found = imported(skill)
        try:
            validated = found.input_model.model_validate(dict(input))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "input"
            fields = ", ".join(found.input_model.model_fields) or "none"
            message = f"Input of the skill `{skill.name}`: `{visible(where, limit=80)}`: {visible(first['msg'], limit=300)}."
            raise UsageError(message, f"its fields are: {fields}") from None
        begin = time.perf_counter()
        output = found.run(context, validated)
        seconds = time.perf_counter() - begin
    if not isinstance(output, found.output_model):
        raise ConfigError(f"The skill `{skill.name}` returned {type(output).__name__} instead of its Output.", "mend its run()")
    return {"input": validated.model_dump(mode="json"), "output": output.model_dump(mode="json"), "seconds": seconds}


def in_words(name: str, error: BaseException) -> dict[str, str]:
    """An exception as JSON; `as_error` makes it one again on the other side."""
    if not isinstance(error, WorkbenchError):
        error = _denial(name, error) or _fault(name, error)
    known = next(kind.__name__ for kind in type(error).__mro__ if vars(errors).get(kind.__name__) is kind)
    words = {"class": known, "kind": error.kind, "message": error.message, "hint": error.hint}
    return words | {extra: str(getattr(error, extra)) for extra in ("stage", "detail") if hasattr(error, extra)}


def as_error(words: Mapping[str, Any]) -> WorkbenchError:
    """The exception that `in_words` was given."""
    text = {key: str(value)[:100_000] for key, value in words.items()}
    kind = vars(errors).get(text.get("class", ""))
    if not (isinstance(kind, type) and issubclass(kind, WorkbenchError)):
        kind = errors.SkillFault
    extra = {key: text[key] for key in ("stage", "detail") if key in text and issubclass(kind, errors.PipelineError)}
    error = kind(text.get("message", "The skill failed without saying how."), text.get("hint", ""), **extra)
    error.kind = text.get("kind", error.kind)
    return error


def _denial(name: str, error: BaseException) -> WorkbenchError | None:
    """What the confinement refused, if that is what the error comes from."""
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        seen.append(link)
        link = link.__cause__ or link.__context__
    refused = next((e for e in seen if isinstance(e, OSError) and e.errno in (errno.EACCES, errno.EPERM)), None)
    if refused is None:
        return None
    frames = traceback.extract_tb(refused.__traceback__)
    if refused.filename is not None:
        what = f"touch {visible(str(refused.filename), limit=200)}"
    elif any(Path(frame.filename).name in ("socket.py", "ssl.py") or "socket" in (frame.line or "") for frame in frames[-3:]):
        what = "use the network"
    else:
        what = f"do what it may not (`{visible((frames[-1].line or '?') if frames else '?', limit=120)}`)"
    hint = f"`reads`, `writes` and `network` in skills/{name}/SKILL.md say what it may; a wider one is a reviewed change"
    return Refusal(f"The skill `{name}` tried to {what}, which it doesn't declare.", hint)


def _fault(name: str, error: BaseException) -> WorkbenchError:
    if isinstance(error, MemoryError):
        hint = "raise [sandbox] memory in workbench.toml, or give it less to do"
        return Refusal(f"The skill `{name}` needed more memory than it may have.", hint)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if f"/{FOLDER}/{name}/" in frame.filename]
    where = f" at {FOLDER}/{name}/{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    said = visible(f"{type(error).__name__}: {error}", limit=300)
    detail = "".join(traceback.format_exception(error))
    sys.stderr.write(detail)
    return errors.SkillFault(
        f"The skill `{name}` failed{where}: {said}.", "that is a fault of the skill; its traceback is on stderr"
    )


@contextmanager
def importing(folder: Path, files: Mapping[str, File]) -> Iterator[None]:
    """Makes `skills.<name>` importable from `files` alone."""
    for name in [name for name in sys.modules if name == FOLDER or name.startswith(f"{FOLDER}.")]:
        del sys.modules[name]
    finder = _Finder(folder, files)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


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
