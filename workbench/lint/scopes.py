"""Names and what they hold: the module, class bodies, and each call of a function."""

from __future__ import annotations

from workbench.lint.values import Value


class Scope:
    """Names of a module, class body or function call; `returns` collects what a call gives back."""

    __slots__ = ("function", "names", "options", "outer", "parent", "returns", "yields")

    def __init__(self, parent: Scope | None, function: str = "") -> None:
        self.names: dict[str, Value] = {}
        self.parent = parent
        self.function = function
        self.returns: list[Value] = []
        self.yields: list[Value] = []
        self.outer: set[str] = set()
        self.options: set[str] = set()

    def find(self, name: str) -> Value | None:
        """The value of a name as seen from here."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None
