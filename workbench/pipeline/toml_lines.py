"""Which line of a TOML file a key stands on, which `tomllib` doesn't tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

Line = int


def line_index(text: str) -> dict[tuple[str, ...], Line]:
    """Every key path of valid TOML `text` → the line (from 1) where its statement begins.

    The file is cut into statements by parsing line after line until what has been gathered is valid by itself, so
    strings, arrays and comments are understood exactly as `tomllib` does.
    """
    index: dict[tuple[str, ...], Line] = {}
    table: tuple[str, ...] = ()
    begin, gathered = 1, ""
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not gathered:
            begin = number
        gathered += line
        try:
            statement = tomllib.loads(gathered)
        except tomllib.TOMLDecodeError:
            continue
        if gathered.lstrip().startswith("["):
            table = _header(statement)
            for depth in range(1, len(table) + 1):
                index.setdefault(table[:depth], begin)
        else:
            _note(statement, table, begin, index)
        gathered = ""
    return index


def nearest(index: Mapping[tuple[str, ...], Line], keys: Sequence[str]) -> Line:
    """The line of `keys`, or of the nearest table around it that the file has; 1 where there is none."""
    for depth in range(len(keys), 0, -1):
        line = index.get(tuple(keys[:depth]))
        if line is not None:
            return line
    return 1


def syntax_error_line(message: str, text: str) -> tuple[Line, str]:
    """`tomllib`'s message → (line, what is wrong without the place)."""
    what = re.sub(r"\s*\(at .*\)$", "", message)
    found = re.search(r"\(at line (\d+)", message)
    return (int(found[1]) if found else max(1, len(text.splitlines()))), what


def _header(statement: Any) -> tuple[str, ...]:
    path: list[str] = []
    while statement:
        if isinstance(statement, list):
            statement = statement[-1]
            continue
        key = next(iter(statement))
        path.append(key)
        statement = statement[key]
    return tuple(path)


def _note(statement: Mapping[str, Any], table: tuple[str, ...], line: Line, index: dict[tuple[str, ...], Line]) -> None:
    for key, value in statement.items():
        index.setdefault((*table, key), line)
        if isinstance(value, dict):
            _note(value, (*table, key), line, index)
