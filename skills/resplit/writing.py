"""Pieces of source text that a repaired split needs: the contract's facts as constants, times of rows, a function's head."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field

from workbench.pipeline.contract import Contract
from workbench.skills.source import Edits, FunctionNode, Module, import_position

COMMENT = "# As the contract declares it: how far ahead a prediction is made, and how long after its time a label is known."


@dataclass(frozen=True)
class Clock:
    """How the frame writes its times: `aware` or `naive` datetimes, or `text`; naive and textual ones may be local (`zone`)."""

    kind: str = "aware"
    zone: str = ""


@dataclass
class Names:
    """What the new text calls things, so that nothing that the module has is meant by accident."""

    horizon: str = "HORIZON"
    label: str = "LABEL_KNOWN_AFTER"
    constants: list[str] = field(default_factory=list)
    """Lines that define them, where the module doesn't yet."""


def name_facts(module: Module, contract: Contract) -> Names:
    """Names for horizon and label lag; the module's own constants are used where they say the same."""
    names, prediction = Names(), contract.prediction
    facts = [("label", "LABEL_KNOWN_AFTER", str(prediction.label_known_after))]
    if prediction.prediction_time is None and prediction.horizon is not None:
        facts.insert(0, ("horizon", "HORIZON", str(prediction.horizon)))
    for role, name, length in facts:
        text = f"pd.Timedelta({json.dumps(length)})"
        present = module.assignment(name)
        if present is not None and present.value is not None and module.segment(present.value) == text:
            setattr(names, role, name)
            continue
        free = name if name not in bound_names(module) else f"CONTRACT_{name}"
        setattr(names, role, free)
        names.constants.append(f"{free} = {text}")
    if names.constants:
        names.constants.insert(0, COMMENT)
    return names


def bound_names(module: Module) -> set[str]:
    """Names that the module's top binds."""
    names = set(module.imports)
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, FunctionNode | ast.ClassDef):
            names.add(node.name)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []:
            names |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
    return names


def time_lines(contract: Contract, clock: Clock, frame: str, names: Names) -> list[str]:
    """Lines that give `target_time`, `predicted` and `known` as arrays by position."""
    prediction = contract.prediction
    lines = [f"    target_time = {_array(frame, str(prediction.target_time), clock)}"]
    if prediction.prediction_time is not None:
        lines.append(f"    predicted = {_array(frame, prediction.prediction_time, clock)}")
    else:
        lines.append(
            f"    predicted = target_time - {names.horizon}.to_numpy()" if prediction.horizon else "    predicted = target_time"
        )
    lines.append(f"    known = target_time + {names.label}.to_numpy()")
    return lines


def _array(frame: str, column: str, clock: Clock) -> str:
    text = f"{frame}[{json.dumps(column)}]"
    if clock.kind == "text":
        text = f"pd.to_datetime({text}, utc=True)" if not clock.zone else f"pd.to_datetime({text})"
    if clock.kind in ("naive", "text") and clock.zone:
        # The later of two possible moments: nothing counts as known too early.
        text += f'.dt.tz_localize("{clock.zone}", ambiguous=np.zeros(len({frame}), dtype=bool), nonexistent="shift_forward")'
    if clock.kind != "naive" or clock.zone:
        text += ".dt.tz_convert(None)"
    return f"{text}.to_numpy()"


def frame_name(definition: FunctionNode | None) -> str:
    """What the split calls its frame."""
    arguments = [*definition.args.posonlyargs, *definition.args.args] if definition is not None else []
    return arguments[0].arg if arguments else "frame"


def parameters(module: Module, definition: FunctionNode | None) -> str:
    """The parameter list as written, on one line."""
    if definition is None:
        return "frame"
    text = ast.get_source_segment(module.text, definition) or ""
    inner = text[text.index("(") + 1 :]
    depth = 1
    for position, character in enumerate(inner):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return re.sub(r"\s+", " ", inner[:position]).strip().rstrip(",")
    return "frame"


def call(definition: FunctionNode | None, original: str) -> str:
    """A call of the original with the wrapper's own parameters."""
    if definition is None:
        return f"{original}(frame)"
    arguments = definition.args
    given = [a.arg for a in [*arguments.posonlyargs, *arguments.args]]
    given += [f"*{arguments.vararg.arg}"] if arguments.vararg else []
    given += [f"{a.arg}={a.arg}" for a in arguments.kwonlyargs]
    given += [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
    return f"{original}({', '.join(given)})"


def returns(module: Module, definition: FunctionNode | None) -> str:
    """The return annotation with its arrow, or nothing."""
    return f" -> {module.segment(definition.returns)}" if definition is not None and definition.returns is not None else ""


def gives_list(module: Module, definition: FunctionNode | None) -> bool:
    """Whether the split returns its folds at once rather than yielding them."""
    if definition is None or any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(definition)):
        return False
    return not re.search(r"Iter|Gener", returns(module, definition))


def free_name(module: Module, wanted: str) -> str:
    """`wanted`, or with a number behind it where the module has it already."""
    taken = bound_names(module) | {n.id for n in ast.walk(module.tree) if isinstance(n, ast.Name)}
    found, number = wanted, 1
    while found in taken:
        number += 1
        found = f"{wanted}_{number}"
    return found


def add_imports(module: Module, block: str, edits: Edits) -> str:
    """`block` by the module's own names for numpy and pandas; imports that it lacks are added."""
    for library, alias in (("numpy", "np"), ("pandas", "pd")):
        if not re.search(rf"\b{alias}\.", block):
            continue
        local = next((name for name, origin in module.imports.items() if origin == library), None)
        if local is None:
            edits.insert(import_position(module), f"import {library} as {alias}{module.newline}")
        elif local != alias:
            block = re.sub(rf"\b{alias}\.", f"{local}.", block)
    return block
