"""What kind of change a changed Python file is: compared as syntax, judged by the stages that reach what changed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from workbench.changes.code import MAIN, TOP, Module, decoded, hidden_characters, odd_names
from workbench.changes.contracts import LABEL_STAGES, stage_kinds
from workbench.changes.idioms import binding_signs, changed_signs, mentions_of
from workbench.changes.model import Risk, RiskKind, shown_path
from workbench.changes.reach import module_name
from workbench.changes.scene import Scene, Side, StageReach
from workbench.changes.signs import Sign

SAME = "cleared: step by step the stage says what it said before, in another arrangement"


@dataclass
class PythonJudgement:
    """The risks of one file, and the parts of it that changed without any stage reaching them."""

    risks: list[Risk] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    scene: Scene
    path: str
    old: Module | None
    new: Module | None

    @property
    def name(self) -> str:
        return module_name(self.path)

    @property
    def place(self) -> str:
        return shown_path(self.path)

    def nodes(self, part: str) -> tuple[list[ast.stmt], list[ast.stmt]]:
        return (self.old.nodes(part) if self.old else [], self.new.nodes(part) if self.new else [])

    def line(self, part: str) -> int | None:
        return self.new.line(part) if self.new and part in self.new.parts() else None


def judge_python(scene: Scene, path: str, before: bytes | None, after: bytes | None) -> PythonJudgement:
    """Judges one changed `.py` file; both contents None is not allowed."""
    judged = PythonJudgement(list(text_risks(path, before, after)))
    old = scene.base.code.parse(path) if before is not None else None
    new = scene.result.code.parse(path) if after is not None else None
    if (before is not None and old is None) or (after is not None and new is None):
        reason = "the file can't be parsed as Python in UTF-8, so what it does is not known"
        judged.risks.append(Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason=reason))
        for found in scene.stages_importing(module_name(path)):
            judged.risks += _stage_risks(found, _File(scene, path, None, None), TOP, "imports this file")
        return judged
    file = _File(scene, path, old, new)
    if old is not None and new is not None:
        judged.risks += _pragma_risks(file, old, new)
    changed = changed_parts(old, new)
    if not changed and old is not None and new is not None:
        judged.risks.append(_wording(file, old, new))
        return judged
    reached_any = False
    for part in changed:
        stages = list(scene.stages_of(file.name, part))
        if not stages:
            judged.unreached.append(part)
            continue
        reached_any = True
        changed_stages = [found for found in stages if not scene.says_the_same(found, (file.name, part))]
        judged.risks += _same_risks(file, part, [found for found in stages if found not in changed_stages])
        if changed_stages:
            judged.risks += _part_risks(file, part, changed_stages)
    if reached_any and new is not None:
        judged.risks += _import_risks(file, old, new)
    return judged


def text_risks(path: str, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """Characters in code that read differently from how they look, as far as the change brings them."""
    old, new = (decoded(content) or "" if content is not None else "" for content in (before, after))
    hidden = hidden_characters(new) - hidden_characters(old)
    if hidden:
        codes = ", ".join(f"U+{ord(character):04X}" for character in sorted(hidden))
        reason = f"holds characters that can't be seen or that reorder the line ({codes})"
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), line=_line_of(new, hidden), reason=reason)
    names = odd_names(new) - odd_names(old)
    if names:
        shown = ", ".join(sorted(name.encode("ascii", "backslashreplace").decode() for name in names)[:5])
        reason = f"uses names with letters beyond ASCII, which can look like others or be read as others ({shown})"
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), line=_line_of(new, names), reason=reason)


def _line_of(text: str, wanted: Iterable[str]) -> int | None:
    words = list(wanted)
    return next((number for number, line in enumerate(text.splitlines(), 1) if any(word in line for word in words)), None)


def changed_parts(old: Module | None, new: Module | None) -> list[str]:
    """The names of the parts that differ between two versions of a module (None: it isn't there)."""
    before, after = (module.parts() if module else {} for module in (old, new))
    changed = [name for name in {**before, **after} if before.get(name, _absent(name)) != after.get(name, _absent(name))]
    if not changed and old is not None and new is not None and (old.effects or new.effects):
        order = [[ast.dump(node) for node in module.tree.body] for module in (old, new)]
        reworded = "__doc__" in ast.dump(new.tree) and old.docstrings != new.docstrings
        if order[0] != order[1] or reworded:
            changed = [TOP]
    return changed


def _absent(part: str) -> str | None:
    return "" if part in (TOP, MAIN) else None


def _wording(file: _File, old: Module, new: Module) -> Risk:
    words = [text for _, text in old.comments] != [text for _, text in new.comments] or old.docstrings != new.docstrings
    same = ast.dump(old.tree) == ast.dump(new.tree)
    if words or not same:
        reason = "only comments, docstrings, annotations or the order of definitions changed; what runs is the same"
        return Risk(kind=RiskKind.DOCS, path=file.place, reason=reason)
    return Risk(kind=RiskKind.FORMAT, path=file.place, reason="only the layout changed; no token of code did")


def _pragma_risks(file: _File, old: Module, new: Module) -> Iterator[Risk]:
    for pragma in sorted(new.pragmas - old.pragmas):
        line = next((number for number, text in new.comments if " ".join(text.split()) == pragma), None)
        yield Risk(
            kind=RiskKind.GATE, path=file.place, line=line, reason=f"a comment silences or steers a check: `{pragma[:80]}`"
        )


def _part_risks(file: _File, part: str, stages: list[StageReach]) -> Iterator[Risk]:
    before, after = file.nodes(part)
    symbol = _symbol(part, before, after)
    for found in stages:
        yield from _stage_risks(found, file, part, _how(found, (file.name, part)))
        labels = found.use_case.labels
        if found.stage in LABEL_STAGES and labels:
            old_words, new_words = (_label_words(side, file.name, labels) for side in file.scene.sides)
            if mentions_of(before, labels, old_words) != mentions_of(after, labels, new_words):
                reason = f"code that names the target of {found.use_case.name} changed ({', '.join(sorted(labels))})"
                yield _risk(RiskKind.LABEL, file, part, reason, found)
    shared = frozenset().union(*(_shared_names(module) for module in (file.old, file.new) if module))
    for sign, line in changed_signs(before, after, shared):
        if counts(sign, stages):
            reason = f"`{symbol}` {sign.reason}"
            yield Risk(kind=sign.kind, path=file.place, symbol=symbol, line=line or file.line(part), reason=reason)
    if part == TOP:
        yield from _import_time_risks(file, before, after)


def _same_risks(file: _File, part: str, stages: list[StageReach]) -> Iterator[Risk]:
    """The risks of a part in stages that say the same as before: they stay in the list, cleared."""
    for found in stages:
        how = f"{_how(found, (file.name, part))} ({SAME})"
        for risk in _stage_risks(found, file, part, how):
            if risk.kind is RiskKind.UNKNOWN:
                yield risk
            elif risk.kind is not RiskKind.GATE:  # never cleared; a check that asks what it asked is none
                yield risk.model_copy(update={"cleared": True})


def counts(sign: Sign, stages: list[StageReach]) -> bool:
    """Whether a sign says something new about code that these stages reach."""
    return not sign.stages or any(found.stage in sign.stages for found in stages)


def _import_time_risks(file: _File, before: list[ast.stmt], after: list[ast.stmt]) -> Iterator[Risk]:
    known = {ast.dump(node) for node in before}
    for node in after:
        plain = isinstance(node, ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        names_only = not isinstance(node, ast.Assign) or all(isinstance(target, ast.Name | ast.Tuple) for target in node.targets)
        if ast.dump(node) not in known and not (plain and names_only):
            text = " ".join(ast.unparse(node).split())[:60]
            reason = f"runs when the module is imported and may change what other code does: `{text}`"
            yield Risk(kind=RiskKind.UNKNOWN, path=file.place, symbol=TOP, line=node.lineno, reason=reason)


def _import_risks(file: _File, old: Module | None, new: Module) -> Iterator[Risk]:
    """What newly comes in by import: packages no stage used before, and names that would not be recognised in use."""
    for sign in binding_signs(old.bindings if old else {}, new.bindings):
        yield Risk(kind=sign.kind, path=file.place, reason=sign.reason)
    known = file.scene.base.imported | sys.stdlib_module_names | {"__future__"}
    before = {name.partition(".")[0] for name in old.imports} if old else set()
    for name in sorted({name.partition(".")[0] for name in new.imports} - before):
        if name and name not in known and not file.scene.result.code.is_local(name):
            reason = f"imports `{name}`, which no stage used before"
            yield Risk(kind=RiskKind.DEPENDENCY, path=file.place, symbol=name, reason=reason)


def _stage_risks(found: StageReach, file: _File, part: str, how: str) -> Iterator[Risk]:
    for kind in stage_kinds(found.stage):
        reason = f"part of the {found.stage} stage of {found.use_case.name}: {how}"
        yield _risk(kind, file, part, reason, found)


def _risk(kind: RiskKind, file: _File, part: str, reason: str, found: StageReach) -> Risk:
    symbol = _symbol(part, *file.nodes(part))
    return Risk(
        kind=kind,
        path=file.place,
        symbol=symbol,
        line=file.line(part),
        reason=reason,
        stage=found.stage,
        use_case=found.use_case.name,
    )


def _how(found: StageReach, part: tuple[str, str]) -> str:
    if part[1] == TOP:
        return "it runs when the module is imported"
    chain = found.reach.chain(part)
    if len(chain) > 5:
        chain = [chain[0], "…", *chain[-3:]]
    return " → ".join(chain) if len(chain) > 1 else f"`{found.entry}` is its entry"


def _symbol(part: str, before: list[ast.stmt], after: list[ast.stmt]) -> str:
    """The part's name; for a class with one changed method, `Class.method`."""
    if len(before) == len(after) == 1 and isinstance(before[0], ast.ClassDef) and isinstance(after[0], ast.ClassDef):
        old, new = (members(node) for node in (before[0], after[0]))
        changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if len(changed) == 1:
            return f"{part}.{changed[0]}"
    return part


def members(node: ast.ClassDef) -> dict[str, str]:
    """Name → syntax of each method of a class (`<body>` for all the rest)."""
    found: dict[str, str] = {}
    for inner in node.body:
        name = inner.name if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else "<body>"
        found[name] = found.get(name, "") + ast.dump(inner)
    return found


def _shared_names(module: Module) -> frozenset[str]:
    return frozenset(module.bindings) | frozenset(module.definitions)


def _label_words(side: Side, name: str, labels: frozenset[str]) -> frozenset[str]:
    """The names of constants (here or imported) that hold one of the labels."""
    module = side.code.module(name)
    words: set[str] = set()
    if module is None:
        return frozenset()
    for constant, nodes in module.definitions.items():
        words |= {constant} if any(_holds(node, labels) for node in nodes) else set()
    for bound, targets in module.bindings.items():
        for source, attribute in targets:
            other = side.code.module(source) if attribute else None
            if other and attribute and any(_holds(node, labels) for node in other.definitions.get(attribute, ())):
                words.add(bound)
    return frozenset(words)


def _holds(node: ast.stmt, labels: frozenset[str]) -> bool:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return isinstance(value, ast.Constant) and value.value in labels
