"""Compiled Python in a cache directory: harmless exactly where it is what its source compiles to."""

from __future__ import annotations

import importlib.util
import marshal
import re
import types
from collections.abc import Iterator

from workbench.changes.model import Risk, RiskKind, shown_path
from workbench.changes.scene import Scene

_NAME = re.compile(r"(?P<stem>[^/]+?)\.(?P<tag>[a-z]+-\d+)(?:\.opt-(?P<level>[12]))?\.pyc")


def judge_bytecode(scene: Scene, path: str, after: bytes | None) -> Iterator[Risk]:
    """A risk unless the file is gone, belongs to no source (Python ignores it then), or is that source, compiled."""
    directory, _, leaf = path.rpartition("/")
    match = _NAME.fullmatch(leaf)
    if after is None or match is None:
        return
    source = f"{directory.rpartition('/')[0]}/{match['stem']}.py".lstrip("/")
    entry = scene.result.code.files.get(source)
    if entry is None:
        return
    wrong = _difference(after, scene.repo.blob(entry.id), int(match["level"] or 0))
    if wrong:
        reason = f"compiled code that Python may run instead of {shown_path(source)}: {wrong}; delete __pycache__"
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason=reason)


def _difference(compiled: bytes, source: bytes, level: int) -> str:
    if compiled[:4] != importlib.util.MAGIC_NUMBER:
        return "it was made by another version of Python, so it can't be compared"
    try:
        found = marshal.loads(compiled[16:])
        if not isinstance(found, types.CodeType):
            return "it holds no code"
        expected = compile(source, found.co_filename, "exec", dont_inherit=True, optimize=level)
    except (ValueError, EOFError, TypeError, SyntaxError):
        return "it can't be read"
    return "" if found == expected else "it does something else"
