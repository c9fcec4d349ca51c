"""Walk-forward folds in place of a split that isn't in the order of time: as many folds, each trained on what was known."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass

from skills.resplit.writing import Clock, add_imports, frame_name, gives_list, name_facts, parameters, returns, time_lines
from workbench.pipeline.contract import Contract
from workbench.skills.source import Edits, FunctionNode, Module


@dataclass(frozen=True)
class Shape:
    """Folds as they are: how many, and the share (0 to 1) of the rows that one tests."""

    count: int
    share: float


def walk_forward(module: Module, name: str, contract: Contract, clock: Clock, shape: Shape) -> str | None:
    """The module's new text; None where the split isn't a function of this module."""
    definition = module.definition(name)
    if definition is None:
        return None
    names, end = name_facts(module, contract), module.newline
    frame, listed = frame_name(definition), gives_list(module, definition)
    share = round(min(shape.share, 1 / (shape.count + 1)), 4)
    target = json.dumps(contract.prediction.target)
    lines = [
        *names.constants,
        *([] if module.assignment("FOLDS") else [f"FOLDS = {shape.count}"]),
        "# Share of all moments that one fold tests.",
        f"TEST_SHARE = {share}",
        "",
        "",
        f"def {name}({parameters(module, definition)}){returns(module, definition)}:",
        '    """Walk forward: each fold tests the next period and trains on labels known at its first prediction."""',
        *time_lines(contract, clock, frame, names),
        f"    labelled = {frame}[{target}].notna().to_numpy()",
        "    moments = np.unique(target_time[labelled])",
        "    size = max(1, int(len(moments) * TEST_SHARE))",
        *(["    pairs = []"] if listed else []),
        "    for back in range(FOLDS * size, 0, -size):",
        "        first, last = moments[-back], moments[size - back - 1]",
        "        test = np.flatnonzero(labelled & (target_time >= first) & (target_time <= last))",
        "        train = np.flatnonzero(labelled & (known <= predicted[test].min()))",
        "        pairs.append((train, test))" if listed else "        yield train, test",
        *(["    return pairs"] if listed else []),
    ]
    edits = Edits()
    block = add_imports(module, end.join(lines) + end, edits)
    first = definition.decorator_list[0] if definition.decorator_list else definition
    start = module.line_start(module.start(first))
    edits.replace(start, module.line_end(module.end(definition)), block)
    _drop_unused_imports(module, definition, block, edits)
    return module.finished(edits)


def _drop_unused_imports(module: Module, definition: FunctionNode, block: str, edits: Edits) -> None:
    """Imports that only the replaced function used go with it."""
    inside = {n.id for n in ast.walk(definition) if isinstance(n, ast.Name)}
    outside = {n.id for top in module.tree.body if top is not definition for n in ast.walk(top) if isinstance(n, ast.Name)}
    for node in module.tree.body:
        if not isinstance(node, ast.ImportFrom | ast.Import) or (
            isinstance(node, ast.ImportFrom) and node.module == "__future__"
        ):
            continue
        local = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        if all(name in inside - outside and not re.search(rf"\b{re.escape(name)}\b", block) for name in local):
            edits.replace(module.line_start(module.start(node)), module.line_end(module.end(node)), "")
