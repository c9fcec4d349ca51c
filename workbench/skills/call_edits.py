"""Adding and removing arguments of a call, or entries of a dictionary, with their commas, lines and comments."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from workbench.skills.source import Argument, Container, Edits, Module


def remove_arguments(module: Module, call: Container, gone: Sequence[ast.expr | ast.keyword], edits: Edits) -> None:
    """Takes arguments out of a call, each with its comma, and with its line where it has one to itself."""
    slots = module.arguments(call)
    tail = _inline_tail(module, call, slots, gone)
    if tail:
        kept = slots[: len(slots) - len(tail)]
        if kept:
            edits.replace(kept[-1].end, tail[-1].end, "")
        else:
            edits.replace(tail[0].start, tail[-1].comma or tail[-1].end, "")
    for slot in slots[: len(slots) - len(tail)]:
        if slot.node not in gone:
            continue
        end = slot.comma if slot.comma is not None else slot.end
        if _alone(module, call, slot):
            edits.replace(module.line_start(slot.start), module.line_end(end), "")
        else:
            while module.text[end : end + 1] in (" ", "\t"):
                end += 1
            edits.replace(slot.start, end, "")


def add_argument(
    module: Module, call: Container, text: str, edits: Edits, *, ignoring: Sequence[ast.expr | ast.keyword] = ()
) -> None:
    """Adds an argument behind the last one, on a line of its own where the call is written so.

    `ignoring` are arguments that the same edit removes.
    """
    slots = module.arguments(call)
    keep = [slot for slot in slots if slot.node not in ignoring]
    if not keep:
        # Where every argument goes, and each has its own line, the new one takes the place of the first.
        first = slots[0] if slots and _alone(module, call, slots[0]) else None
        position = module.line_start(first.start) if first else module.end(call) - 1
        lead = module.text[position : first.start] if first else ""
        edits.insert(position, f"{lead}{text},{module.newline}" if first else text)
        return
    last = keep[-1]
    after = last.comma if last.comma is not None else last.end
    rest = module.text[after : module.line_end(after)].strip()
    if not _own_line(module, call, last) or (rest and not rest.startswith("#")) or _inline_tail(module, call, slots, ignoring):
        edits.insert(last.end, f", {text}")
        return
    if last.comma is None:
        edits.insert(last.end, ",")
    lead = module.text[module.line_start(last.start) : last.start]
    edits.insert(module.line_end(after), f"{lead}{text},{module.newline}")


def _own_line(module: Module, call: Container, slot: Argument) -> bool:
    line_start = module.line_start(slot.start)
    return line_start > module.opening(call) and not module.text[line_start : slot.start].strip()


def _alone(module: Module, call: Container, slot: Argument) -> bool:
    """Whether nothing but this argument and a comment is on its lines."""
    end = slot.comma if slot.comma is not None else slot.end
    rest = module.text[end : module.line_end(end)].strip()
    return _own_line(module, call, slot) and (not rest or rest.startswith("#"))


def _inline_tail(
    module: Module, call: Container, slots: Sequence[Argument], gone: Sequence[ast.expr | ast.keyword]
) -> Sequence[Argument]:
    """The removed arguments at the end of the list, if one of them shares its line and the comma in front has to go, too."""
    count = 0
    while count < len(slots) and slots[len(slots) - 1 - count].node in gone:
        count += 1
    tail = slots[len(slots) - count :]
    return [] if all(_alone(module, call, slot) for slot in tail) else tail


def replace_argument(module: Module, node: ast.keyword, text: str, edits: Edits) -> None:
    """Puts `text` in place of a whole keyword argument."""
    edits.replace(module.start(node), module.end(node), text)
