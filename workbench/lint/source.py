"""Files → code: Python files and notebooks, with the place of each line in the file that people open.

A notebook's code cells are taken in order; magics and shell lines become empty lines, so nothing moves. What can't be parsed
raises, with one sentence saying where.
"""

from __future__ import annotations

import ast
import io
import json
import tokenize
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError

MAX_BYTES = 20_000_000
_CELL_MAGICS_OF_OTHER_LANGUAGES = frozenset(
    [
        "bash",
        "sh",
        "html",
        "javascript",
        "js",
        "latex",
        "markdown",
        "perl",
        "ruby",
        "script",
        "sql",
        "svg",
        "R",
        "cython",
        "writefile",
        "file",
        "cpp",
        "julia",
    ]
)


class SourceError(WorkbenchError):
    """A file that can't be read as Python; `message` says which and where."""

    kind = "source"


@dataclass(frozen=True)
class Source:
    """Code of one file. `places` maps a line of `text` to (cell or None, line in it, line in the file or None)."""

    path: str
    text: str
    tree: ast.Module
    places: dict[int, tuple[int, int, int | None]] = field(default_factory=dict)

    def line(self, line: int) -> int | None:
        """The line in the file that people open."""
        return self.places[line][2] if line in self.places else line

    def spoken(self, line: int) -> str:
        """`cell 3, line 2` in notebooks, else nothing."""
        if line not in self.places:
            return ""
        cell, inner, _ = self.places[line]
        return f"cell {cell}, line {inner}"


def read(path: Path, shown: str) -> Source:
    """The code of a file; `shown` is how it is named. Raises SourceError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(f"{shown} is larger than {MAX_BYTES // 1_000_000} MB; it was not analysed.", "leave it out")
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{shown} can't be read: {error.strerror}.", "give a Python file, a notebook or a directory") from None
    if path.suffix == ".ipynb":
        return notebook(raw, shown)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        text = raw.decode(encoding).removeprefix("\ufeff")
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise SourceError(f"{shown} isn't text in its own encoding: {error}.", "save it as UTF-8") from None
    return python(text, shown)


def python(text: str, shown: str) -> Source:
    """The code of a Python text. Raises SourceError."""
    plain = text if _is_python(text) else "\n".join(_without_magic(line) for line in text.splitlines())
    return Source(shown, plain, _parsed(plain, shown, {}))


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def notebook(raw: bytes, shown: str) -> Source:
    """The code cells of a notebook. Raises SourceError."""
    try:
        content = json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SourceError(f"{shown} isn't a notebook: {error}.", "save it again from Jupyter") from None
    cells = content.get("cells") if isinstance(content, dict) else None
    if cells is None and isinstance(content, dict):  # format 3
        sheets = content.get("worksheets")
        cells = [c for s in sheets for c in s.get("cells", [])] if isinstance(sheets, list) else None
    if not isinstance(cells, list):
        raise SourceError(f"{shown} isn't a notebook: it has no cells.", "save it again from Jupyter")
    file_lines = raw.decode("utf-8").splitlines()
    lines: list[str] = []
    places: dict[int, tuple[int, int, int | None]] = {}
    at = 0
    for number, cell in enumerate((c for c in cells if isinstance(c, dict) and c.get("cell_type") == "code"), 1):
        code = _cell_lines(cell)
        plain = _is_python("\n".join(code))
        foreign = bool(code) and code[0].startswith("%%") and code[0][2:].split(" ")[0] in _CELL_MAGICS_OF_OTHER_LANGUAGES
        for inner, line in enumerate(code, 1):
            found = _find(file_lines, line, at)
            at = found if found is not None else at
            lines.append("" if foreign else line if plain else _without_magic(line))
            places[len(lines)] = (number, inner, found + 1 if found is not None else None)
        lines.append("")
    text = "\n".join(lines)
    return Source(shown, text, _parsed(text, shown, places), places)


def _cell_lines(cell: dict[str, Any]) -> list[str]:
    source = cell.get("source", cell.get("input", ""))
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return text.splitlines()


def _find(file_lines: list[str], line: str, start: int) -> int | None:
    quoted = json.dumps(line)[1:-1]
    plain = json.dumps(line, ensure_ascii=False)[1:-1]
    for place in range(start, min(start + 2000, len(file_lines))):
        held = file_lines[place].strip()
        if held.startswith('"') and (held.startswith(f'"{quoted}') or held.startswith(f'"{plain}')):
            return place
    return None


def _without_magic(line: str) -> str:
    bare = line.lstrip()
    indent = line[: len(line) - len(bare)]
    if bare.startswith(("%", "!")):
        return f"{indent}pass" if indent else ""
    if bare.startswith("?") or (
        bare.rstrip().endswith("?") and not bare.lstrip().startswith("#") and '"' not in bare and "'" not in bare
    ):
        return f"{indent}pass" if indent else ""
    return line


def _parsed(text: str, shown: str, places: dict[int, tuple[int, int, int | None]]) -> ast.Module:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        line = error.lineno or 1
        where = f"cell {places[line][0]}, line {places[line][1]}" if line in places else f"line {line}"
        raise SourceError(f"{shown} isn't Python 3 at {where}: {error.msg}.", "mend it, or leave the file out") from None
    except (ValueError, RecursionError, MemoryError):
        raise SourceError(f"{shown} can't be parsed.", "leave the file out") from None
    tree.body = [s for statement in tree.body for s in _exported_cell(statement)]
    return tree


def _exported_cell(statement: ast.stmt) -> list[ast.stmt]:
    # What nbconvert makes of a cell magic: get_ipython().run_cell_magic("time", "", "code").
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "run_cell_magic":
        return [statement]
    code = call.args[-1] if call.args else None
    if not isinstance(code, ast.Constant) or not isinstance(code.value, str):
        return [statement]
    try:
        inner = ast.parse(code.value)
    except SyntaxError:
        return []
    for node in ast.walk(inner):
        if hasattr(node, "lineno"):
            node.lineno = statement.lineno
    return inner.body
