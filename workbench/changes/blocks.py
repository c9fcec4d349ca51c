"""Where steps are put: blocks within blocks, numbers for values, and what a variable holds at a point."""

from __future__ import annotations

import ast

from workbench.changes.variables import Names, Unclear, Value

_MOST_STEPS = 6_000


class Blocks:
    """The blocks that are open, the innermost last."""

    def __init__(self) -> None:
        self._count = 0
        self._blocks: list[list[Value]] = [[]]
        self._rounds: list[int] = []
        """The loop of each open block, 0 for blocks that are no loop's."""

    def _number(self) -> int:
        self._count += 1
        if self._count > _MOST_STEPS:
            raise Unclear("there are too many steps")
        return self._count

    def _open(self, loop: int = 0) -> None:
        self._blocks.append([])
        self._rounds.append(loop)

    def _close(self) -> Value:
        self._rounds.pop()
        return tuple(self._blocks.pop())

    def _step(self, what: str, *parts: Value) -> Value:
        number = self._number()
        self._blocks[-1].append((number, what, *parts))
        return ("step", number)

    def _given(self, names: Names, name: str, value: Value) -> None:
        """A variable gets a value."""
        if names.keep:
            self._step("named", name, value)
        if name in names.straight or (name in names.single and (len(self._blocks) <= names.depth or self._fresh(value))):
            names.values[name] = value
        else:
            slot = names.slots.setdefault(name, ("slot", self._number()))
            self._step("store", slot, value)

    def _fresh(self, value: Value) -> bool:
        """Whether a value is made in this very block: then it is made anew whenever the variable gets it."""
        while value[0] == "part":
            value = value[1]
        return (value[0] == "round" and value[1] in self._rounds[-1:]) or any(
            value == ("step", step[0]) for step in self._blocks[-1]
        )

    def _read(self, node: ast.Name, names: Names) -> Value | None:
        here: Names | None = names
        while here is not None:
            if node.id in here.own:
                if node.id in here.values:
                    return here.values[node.id]
                if node.id in here.slots:
                    return self._step("load", here.slots[node.id])
                if node.id in here.single | here.straight:
                    raise Unclear(f"`{node.id}` is used before it is set")
                slot = here.slots.setdefault(node.id, ("slot", self._number()))
                return self._step("load", slot)
            here = here.outer
        return None
