"""Writes the map of the tree into README.md, from the modules' own docstrings; `--check` says whether it is up to date."""

from __future__ import annotations

import ast
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- map: begin (python docs/map.py) -->", "<!-- map: end -->"
WIDTH = 118


def entries() -> list[tuple[str, str]]:
    """(path, first sentence of its docstring) for each room of the package, then for each top-level folder."""
    rows: list[tuple[str, str]] = []
    package = ROOT / "workbench"
    for path in sorted(package.iterdir()):
        if path.name.startswith("__"):
            continue
        source = path / "__init__.py" if path.is_dir() else path
        if source.suffix != ".py" or not source.is_file():
            continue
        docstring = ast.get_docstring(ast.parse(source.read_text("utf-8"))) or ""
        rows.append((f"workbench/{path.name}{'/' if path.is_dir() else ''}", _first_sentence(docstring)))
    rows += [
        ("skills/", "versioned skill modules, each a valid Agent Skill; `skills.lock` names their bytes"),
        ("review_policies/", "policies, reviewers"),
        ("pipelines/", "one folder a use case: contract and stages"),
        ("sessions/", "recorded sessions"),
        ("tests/", "mirrors workbench/"),
        ("docs/", "contract, rules of review, sessions, releases"),
    ]
    return rows


def rendered() -> str:
    """The map as a fenced block."""
    rows = entries()
    width = max(len(path) for path, _ in rows) + 2
    lines = [f"{path:<{width}}{textwrap.shorten(text, WIDTH - width, placeholder=' …')}" for path, text in rows]
    return "```text\n" + "\n".join(lines) + "\n```"


def updated(text: str) -> str:
    """`text` with the map between the two markers."""
    head, rest = text.split(BEGIN, 1)
    return f"{head}{BEGIN}\n{rendered()}\n{END}{rest.split(END, 1)[1]}"


def _first_sentence(docstring: str) -> str:
    first = " ".join(docstring.split("\n\n")[0].split())
    for stop in (". ", "; ", ": nothing"):
        first = first.split(stop)[0]
    return first.rstrip(".")


if __name__ == "__main__":
    readme = ROOT / "README.md"
    current = readme.read_text("utf-8")
    if "--check" in sys.argv:
        sys.exit(0 if updated(current) == current else "README.md: the map is out of date; run python docs/map.py")
    readme.write_text(updated(current), "utf-8")
