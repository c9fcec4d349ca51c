"""Which statements and branches of some files have run: marks set into their syntax tree before it is compiled.

Finer than lines: both ways of an `if`, also where it has no `else`; each side of `a if b else c`; what follows the first word
of `and` and `or`; bodies of lambdas, elements and conditions of comprehensions. No tracer is set, so code can't ask
`sys.gettrace` whether it is looked at, and threads need no care.

Inside the confined process, where it is loaded by its path, `Record` compiles with marks; outside, `arms` numbers the same
marks by place. What the numbers mean for a change isn't known here.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NAME = "__ran_by_workbench__"
_Place = tuple[int, int]


@dataclass(frozen=True)
class Arm:
    """Something that runs or doesn't: `line` from 1, `column` from 0 (in bytes), and what it is in a word."""

    line: int
    column: int
    what: str


def arms(source: bytes | str) -> list[Arm]:
    """The arms of a module by number. Raises SyntaxError or ValueError for what isn't Python."""
    marker = _Marker(0)
    marker.visit(ast.parse(source))
    return marker.arms


class Record:
    """What has run so far of the files `paths` (absolute); once a process, as the marks go through a builtin."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._files = {path: number for number, path in enumerate(paths)}
        self._ran: list[bytearray] = [bytearray() for _ in self._files]
        if self._files:
            setattr(builtins, NAME, self._mark)

    def marked(self, source: Any, path: str) -> Any:
        """A module's source or tree with marks where it is one of the files, else as it is."""
        number = self._files.get(path)
        if number is None:
            return source
        try:
            tree = copy.deepcopy(source) if isinstance(source, ast.Module) else ast.parse(source, path)
        except (SyntaxError, ValueError):
            return source  # compiling it says what is wrong
        marker = _Marker(number)
        marked = ast.fix_missing_locations(marker.visit(tree))
        if len(self._ran[number]) < len(marker.arms):
            self._ran[number] = bytearray(len(marker.arms))
        return marked

    def ran(self) -> dict[str, list[int]]:
        """File → the numbers of its arms that have run."""
        return {path: [i for i, hit in enumerate(self._ran[number]) if hit] for path, number in self._files.items()}

    def _mark(self, number: int, arm: int, value: Any = None, sought: Any = None) -> Any:
        """Notes an arm; with `sought` only where the value's truth is that."""
        if sought is None or bool(value) is sought:
            self._ran[number][arm] = 1
        return value


class _Marker(ast.NodeTransformer):
    """Sets the marks, and numbers them in the order of the walk."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.arms: list[Arm] = []

    def visit_Module(self, node: ast.Module) -> ast.Module:
        node.body = self._block(node.body)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return self._definition(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return self._definition(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return self._definition(node)

    def visit_If(self, node: ast.If) -> ast.If:
        node.test = self.visit(node.test)
        node.body = self._block(node.body)
        node.orelse = self._block(node.orelse) if node.orelse else [self._statement(node, "the case that it is false")]
        return node

    def visit_For(self, node: ast.For) -> Any:
        return self._loop(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> Any:
        return self._loop(node)

    def visit_While(self, node: ast.While) -> ast.While:
        node.test = self.visit(node.test)
        node.body, node.orelse = self._block(node.body), self._block(node.orelse)
        return node

    def visit_With(self, node: ast.With) -> ast.With:
        node.items = [self.visit(item) for item in node.items]
        node.body = self._block(node.body)
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AsyncWith:
        node.items = [self.visit(item) for item in node.items]
        node.body = self._block(node.body)
        return node

    def visit_Try(self, node: ast.Try) -> Any:
        return self._attempt(node)

    def visit_TryStar(self, node: Any) -> Any:
        return self._attempt(node)

    def visit_Match(self, node: ast.Match) -> ast.Match:
        node.subject = self.visit(node.subject)
        for case in node.cases:
            case.guard = self._value(case.guard, "a guard") if case.guard is not None else None
            case.body = self._block(case.body)
        last = node.cases[-1]
        if not (isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and last.guard is None):
            nothing = [self._statement(node, "the case that nothing matches")]
            node.cases.append(ast.match_case(pattern=ast.MatchAs(), body=nothing))
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.IfExp:
        node.test = self.visit(node.test)
        node.body = self._value(node.body, "one side of `if … else`")
        node.orelse = self._value(node.orelse, "one side of `if … else`")
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.BoolOp:
        first, *others = node.values
        node.values = [self.visit(first), *(self._value(value, "what follows `and` or `or`") for value in others)]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        node.args = self.visit(node.args)
        node.body = self._value(node.body, "a lambda")
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.ListComp:
        node.generators = [self._comprehended(one) for one in node.generators]
        node.elt = self._value(node.elt, "an element")
        return node

    def visit_SetComp(self, node: ast.SetComp) -> ast.SetComp:
        node.generators = [self._comprehended(one) for one in node.generators]
        node.elt = self._value(node.elt, "an element")
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.GeneratorExp:
        node.generators = [self._comprehended(one) for one in node.generators]
        node.elt = self._value(node.elt, "an element")
        return node

    def visit_DictComp(self, node: ast.DictComp) -> ast.DictComp:
        node.generators = [self._comprehended(one) for one in node.generators]
        node.key = self.visit(node.key)
        node.value = self._value(node.value, "an element")
        return node

    def _definition(self, node: Any) -> Any:
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        if isinstance(node, ast.ClassDef):
            node.bases = [self.visit(one) for one in node.bases]
            node.keywords = [self.visit(one) for one in node.keywords]
        else:
            node.args = self.visit(node.args)
        node.body = self._block(node.body)
        return node

    def _loop(self, node: Any) -> Any:
        node.iter = self.visit(node.iter)
        node.body, node.orelse = self._block(node.body), self._block(node.orelse)
        return node

    def _attempt(self, node: Any) -> Any:
        node.body = self._block(node.body)
        for handler in node.handlers:
            handler.body = self._block(handler.body)
        node.orelse, node.finalbody = self._block(node.orelse), self._block(node.finalbody)
        return node

    def _comprehended(self, node: ast.comprehension) -> ast.comprehension:
        node.iter = self.visit(node.iter)
        node.ifs = [
            self._call(test, "an element that is left out", self.visit(test), ast.Constant(value=False)) for test in node.ifs
        ]
        return node

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Each statement behind its mark; a docstring and imports of `__future__` have to stay in front."""
        made: list[ast.stmt] = []
        for position, statement in enumerate(body):
            words = position == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            if not words and not future:
                made.append(self._statement(statement, "a statement"))
            made.append(self.visit(statement))
        return made

    def _statement(self, node: ast.stmt, what: str) -> ast.stmt:
        return ast.copy_location(ast.Expr(value=self._call(node, what)), node)

    def _value(self, node: ast.expr, what: str) -> ast.expr:
        """The mark is numbered before what lies in it is visited."""
        made = self._call(node, what)
        made.args.append(self.visit(node))
        return made

    def _call(self, node: ast.stmt | ast.expr, what: str, *further: ast.expr) -> ast.Call:
        self.arms.append(Arm(node.lineno, node.col_offset, what))
        numbers: list[ast.expr] = [ast.Constant(value=self.number), ast.Constant(value=len(self.arms) - 1)]
        call = ast.Call(func=ast.Name(id=NAME, ctx=ast.Load()), args=[*numbers, *further], keywords=[])
        return ast.copy_location(call, node)
