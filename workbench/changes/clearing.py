"""Which static risks of a refactor are cleared by running it: only where nothing at all speaks against it.

All of it has to hold: both trees ran to the end and gave the same, with marks for coverage and without; every changed statement
and branch ran in both; the changed code says nothing new (`vocabulary.py`) and nothing in it can behave differently elsewhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.changes.code import MAIN, TOP, Module
from workbench.changes.compared import differences
from workbench.changes.contracts import STAGE_KINDS
from workbench.changes.effect import Outcome, Sides
from workbench.changes.measured import CLEARABLE, ClearedRisk
from workbench.changes.model import Change, Risk, RiskKind, shown_path
from workbench.changes.python import changed_parts, members
from workbench.changes.reach import module_name
from workbench.changes.scene import Scene
from workbench.changes.syntax import walk
from workbench.changes.vocabulary import ChangedPart, lost_words, new_words, unsure
from workbench.errors import WorkbenchError
from workbench.pipeline.coverage import Arm, arms
from workbench.repo import EXECUTABLE, FILE, Repo
from workbench.visible import visible

_BESIDE = frozenset({RiskKind.DOCS, RiskKind.FORMAT, RiskKind.TEST})
"""Kinds that may stand beside a refactor without saying anything about it."""

REASON = (
    "cleared: base and result give the same on the same data, every changed statement and branch ran in both, and the "
    "changed code says nothing new"
)


@dataclass
class _Files:
    """The changed files of stages: parts that changed, by file."""

    parts: list[ChangedPart] = field(default_factory=list)
    before: dict[str, list[ast.stmt]] = field(default_factory=dict)
    after: dict[str, list[ast.stmt]] = field(default_factory=dict)


def cleared(
    repo: Repo, sides: Sides, risks: Sequence[Risk], outcomes: Sequence[Outcome]
) -> tuple[list[ClearedRisk], str]:  # fmt: skip
    """The static risks that nothing stands behind, and else the first thing that speaks against it, in words.

    Never raises for a stage; may take two more runs.
    """
    wanted = _wanted(risks)
    if not wanted:
        return [], ""
    try:
        why = _why_not(repo, sides, risks, outcomes)
    except WorkbenchError as error:
        why = visible(error.message, limit=300)
    if why:
        sides.progress(f"not cleared: {why}")
        return [], why
    return [
        ClearedRisk(
            kind=risk.kind, path=risk.path, symbol=risk.symbol, stage=risk.stage, use_case=risk.use_case, reason=REASON
        )
        for risk in wanted
    ], ""  # fmt: skip


def could_be_cleared(repo: Repo, change: Change, risks: Sequence[Risk]) -> bool:
    """Whether running it could clear every risk that isn't text or a test: nothing that can be read speaks against it."""
    return bool(_wanted(risks)) and not _spoken(risks) and not _read(Scene(repo, change))[1]


def _wanted(risks: Sequence[Risk]) -> list[Risk]:
    return [risk for risk in risks if risk.kind in CLEARABLE and risk.path.endswith(".py") and not risk.cleared]


def _spoken(risks: Sequence[Risk]) -> str:
    """What the risks themselves say against clearing any of them."""
    others = sorted({risk.kind.value for risk in risks if not risk.cleared} - {kind.value for kind in CLEARABLE | _BESIDE})
    if others:
        return f"the change is {others[0]}, too"
    elsewhere = [risk.path for risk in risks if risk.kind in CLEARABLE and not risk.path.endswith(".py")]
    return f"{elsewhere[0]} isn't code" if elsewhere else ""


def _read(scene: Scene) -> tuple[_Files, str]:
    """The changed parts, and what in them speaks against clearing before anything is run."""
    try:
        files = _changed(scene)
    except _Unclear as unclear:
        return _Files(), str(unclear)
    words = unsure(files.parts) or [f"it says something new: {word}" for word in new_words(files.parts)]
    words = words or [f"it no longer says: {word}; today's data may not have needed that" for word in lost_words(files.parts)]
    return files, words[0] if words else ""


def _why_not(repo: Repo, sides: Sides, risks: Sequence[Risk], outcomes: Sequence[Outcome]) -> str:
    """The first thing that speaks against clearing, in words; empty where nothing does."""
    spoken = _spoken(risks)
    if spoken:
        return spoken
    shown = next((risk.reason for outcome in outcomes for risk in outcome.risks), "")
    if shown:
        return shown
    touched = {risk.use_case for risk in risks if risk.use_case}
    equal = {outcome.use_case: outcome for outcome in outcomes}
    for name in sorted(touched):
        if name not in equal:
            return f"{name} is not in both trees"
        if not equal[name].equal:
            return equal[name].why_not
    if not touched:
        return "no use case reaches it"
    files, read = _read(Scene(repo, sides.change))
    return read or _uncovered(sides, files, [equal[name] for name in sorted(touched)])


class _Unclear(Exception):
    """Why what changed can't be cleared."""


def _changed(scene: Scene) -> _Files:
    """The changed parts that a stage reaches. Raises _Unclear for files that aren't plain code on both sides."""
    files = _Files()
    for path, old, new in scene.repo.diff(scene.change.base, scene.change.result):
        if not path.endswith(".py"):
            continue
        if any(entry is not None and entry.mode not in (FILE, EXECUTABLE) for entry in (old, new)):
            raise _Unclear(f"{shown_path(path)} isn't a plain file")
        modules = [side.code.parse(path) if entry else None for side, entry in zip(scene.sides, (old, new), strict=True)]
        if any(entry is not None and module is None for entry, module in zip((old, new), modules, strict=True)):
            raise _Unclear(f"{shown_path(path)} can't be parsed")
        reached = False
        for part in changed_parts(*modules):
            stages = {found.stage for found in scene.stages_of(module_name(path), part)}
            if not stages or part == MAIN:
                continue
            if stages - set(STAGE_KINDS):
                raise _Unclear(f"`{part}` is reached by something that isn't a stage")
            before, after = _nodes(part, *modules)
            files.parts.append(ChangedPart(before, after, modules[0], modules[1], part))
            files.before.setdefault(path, []).extend(before)
            files.after.setdefault(path, []).extend(after)
            reached = True
        if reached:
            for side, module in zip((files.before, files.after), modules, strict=True):
                side.setdefault(path, []).extend(_imports(module))
    if not files.parts:
        raise _Unclear("no part of a stage's code changed")
    return files


def _nodes(part: str, old: Module | None, new: Module | None) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """The statements of a part on both sides; of a class that is on both, its changed methods and its body."""
    before, after = (module.nodes(part) if module else [] for module in (old, new))
    if part == TOP or not (len(before) == len(after) == 1):
        return before, after
    one, other = before[0], after[0]
    if not (isinstance(one, ast.ClassDef) and isinstance(other, ast.ClassDef)):
        return before, after
    if [ast.dump(node) for node in (*one.bases, *one.keywords, *one.decorator_list)] != [
        ast.dump(node) for node in (*other.bases, *other.keywords, *other.decorator_list)
    ]:
        return before, after
    had, has = members(one), members(other)
    changed = {name for name in {**had, **has} if had.get(name) != has.get(name)}
    picked = [[node for node in body if getattr(node, "name", "<body>") in changed] for body in (one.body, other.body)]
    return picked[0], picked[1]


def _imports(module: Module | None) -> Iterator[ast.stmt]:
    yield from (node for node in (module.tree.body if module else ()) if isinstance(node, ast.Import | ast.ImportFrom))


def _uncovered(sides: Sides, files: _Files, outcomes: Iterable[Outcome]) -> str:
    """Runs both sides with marks: why that doesn't clear the change; empty where all changed arms ran and nothing differs."""
    for root, changed in ((sides.base, files.before), (sides.result, files.after)):
        paths = sorted(path for path, nodes in changed.items() if nodes and (root / path).is_file())
        ran: dict[str, set[int]] = {}
        for outcome in outcomes:
            assert outcome.given is not None
            marked = sides.pipeline(root, outcome.use_case, cover=paths)
            with sides.clock.watching(marked):
                different = next(differences(outcome.given, marked), None)
                for path, numbers in marked.covered.items():
                    ran.setdefault(path, set()).update(numbers)
            if different is not None:
                return f"run again it comes out otherwise: {different.reason}"
        for path in paths:
            missed = _missed(root / path, changed[path], ran.get(path, set()), _guards(files.parts))
            if missed is not None:
                side = "base" if root == sides.base else "result"
                return f"{missed.what} in {shown_path(path)}:{missed.line} did not run in the {side}"
    return ""


def _missed(file: Path, nodes: Sequence[ast.stmt], ran: set[int], guards: Mapping[str, int]) -> Arm | None:
    """The first arm of these statements that did not run, guards that only raise and stand unchanged on both sides apart."""
    spans = [_span(node) for node in nodes]
    raising = [_span(inner) for node in nodes for inner in walk(node) if ast.dump(inner) in guards]
    for number, arm in enumerate(arms(file.read_bytes())):
        place = (arm.line, arm.column)
        inside = any(begin <= place < end for begin, end in spans)
        loud = any(begin < place < end for begin, end in raising)
        if inside and number not in ran and not loud:
            return arm
    return None


def _guards(parts: Sequence[ChangedPart]) -> dict[str, int]:
    """`if …: raise …` that stand on both sides of a part, word for word."""
    found: dict[str, int] = {}
    for part in parts:
        sides = [
            {ast.dump(inner) for node in nodes for inner in walk(node) if _only_raises(inner)}
            for nodes in (part.before, part.after)
        ]
        found |= dict.fromkeys(sides[0] & sides[1], 1)
    return found


def _only_raises(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and not node.orelse and all(isinstance(inner, ast.Raise) for inner in node.body)


def _span(node: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
    """From the first decorator to the end."""
    assert isinstance(node, ast.stmt)
    first = [(one.lineno, one.col_offset) for one in getattr(node, "decorator_list", [])]
    begin = min([(node.lineno, node.col_offset), *first])
    return begin, (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset + 1)
