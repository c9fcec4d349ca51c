"""The labelled snippets: both halves, each by a rule that its label names, and no alarm on what is clean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.lint.check import lint_file
from workbench.lint.model import fails

SNIPPETS = Path(__file__).parents[1] / "corpus" / "snippets"
LABELS = json.loads((SNIPPETS / "labels.json").read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(LABELS))
def test_snippet(name: str) -> None:
    label, report = LABELS[name], lint_file(SNIPPETS / name, name)
    assert report.error is None
    found = {f.rule for f in report.findings if fails(f)}
    assert bool(found & set(label["rules"])) if label["leak"] else not found, report.findings


def test_every_snippet_is_labelled_and_leaking_ones_are_half() -> None:
    files = {f"{p.parent.name}/{p.name}" for p in SNIPPETS.glob("*/*") if p.suffix in (".py", ".ipynb")}
    assert files == set(LABELS)
    assert sum(label["leak"] for label in LABELS.values()) * 2 == len(LABELS)
