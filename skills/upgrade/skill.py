"""Repairs code that uses what the installed framework no longer has; answers with edits and changes nothing.

The traceback says which entry of the catalogue it is and which line; the cure edits exactly that, and the same pattern in
the rest of the file. How each library's removals look and what they became is in `catalogue/`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys
import warnings
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from skills.upgrade.catalogue import removals
from skills.upgrade.removal import NoCure, Removal, Site
from workbench.loop.traceback_text import Failure, read_failure
from workbench.skills.run import SkillContext
from workbench.skills.source import Edits, Module, Uneditable


class Input(BaseModel):
    """`message` is the sentence that reported the failure, `detail` the stage's traceback (untrusted text)."""

    model_config = ConfigDict(extra="forbid")

    message: str = ""
    detail: str = ""


class Output(BaseModel):
    """`edits`: path → new text; empty where there is no cure, and then `reason` says why."""

    ok: bool
    edits: dict[str, str | None] = Field(default_factory=dict)
    summary: str = ""
    reason: str = ""
    removal: str | None = None
    """The catalogue's entry that the traceback means."""
    replaced: list[str] = Field(default_factory=list)
    """Each replacement in a few words, with its file."""


def run(context: SkillContext, input: Input) -> Output:
    """Repairs the tree at `context.root`; reads it, writes nothing."""
    return repair(context.root, input.message, input.detail)


def recognised(text: str) -> Removal | None:
    """The catalogue's entry for `ExceptionType: message`, or None for what it doesn't know."""
    return next((entry for entry in removals() if entry.matches(text)), None)


def repair(root: Path, message: str, detail: str) -> Output:
    """The edits for one failure of the code below `root`."""
    failure = read_failure(root, message, detail)
    known = [entry for entry in removals() if entry.matches(failure.text)]
    if not known:
        return Output(ok=False, reason="this is no removal that the catalogue knows")
    if not failure.frames:
        return Output(ok=False, reason="the traceback names no file of this workspace", removal=known[0].name)
    reason = "the file that the traceback names doesn't use it any more"
    for path in dict.fromkeys(frame.path for frame in failure.frames):
        for entry in known:
            try:
                text, replaced = _mend(root, path, entry, failure)
            except (NoCure, Uneditable) as error:
                reason = str(error)
                continue
            if replaced:
                said = [f"{path}: {words}" for words in dict.fromkeys(replaced)]
                summary = f"{entry.library} no longer has what {path} uses: " + ", ".join(dict.fromkeys(replaced))
                return Output(ok=True, edits={path: text}, summary=summary, removal=entry.name, replaced=said)
    return Output(ok=False, reason=reason, removal=known[0].name)


def _mend(root: Path, path: str, entry: Removal, failure: Failure) -> tuple[str, list[str]]:
    """The new text of one file and what was replaced; nothing replaced where the pattern isn't in it."""
    module = Module.read(root, path)
    lines = [frame.line for frame in failure.frames if frame.path == path]
    site = Site(module, Edits(), lines, entry.matches(failure.text))
    replaced = list(entry.cure(site))
    if not replaced:
        return module.text, []
    text = module.finished(site.edits)
    # What else of this file the installed versions don't have would be the next failure.
    rest = Module(text, path)
    used = {origin.partition(".")[0] for origin in rest.imports.values()}
    for other in removals():
        if not (other.everywhere and other.library in used | {"python"} and _is_gone(other)):
            continue
        search = Site(rest, Edits(), [], None)
        try:
            more = list(other.cure(search))
            if more and not (other.gone and _is_there(other.gone)):
                rest = Module(rest.finished(search.edits), path)
                replaced += more
        except (NoCure, Uneditable):
            continue
    return rest.whole, replaced


def _is_there(name: str) -> bool:
    """Whether the installed library has this name; asked only where the code uses it."""
    home, _, last = name.rpartition(".")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return hasattr(importlib.import_module(home), last)
    except ImportError:
        return False


def _is_gone(entry: Removal) -> bool:
    """Whether the installed version is one that no longer has it."""
    installed = _installed(entry.library)
    return bool(installed) and installed >= _numbers(entry.since)


@cache
def _installed(library: str) -> tuple[int, ...]:
    if library == "python":
        return sys.version_info[:2]
    try:
        return _numbers(importlib.metadata.version(_PACKAGES.get(library, library)))
    except importlib.metadata.PackageNotFoundError:
        return ()


_PACKAGES = {"sklearn": "scikit-learn"}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
