"""Walks a file as Python would run it, on abstract values: statements, scopes, branches and loops.

Every path is followed and joined where paths meet; a loop over known items is run for each, any other twice. Work is bounded:
what is beyond the bound raises `TooLarge` and is reported as not analysed. The file's own functions and classes are in
`definitions`, expressions in `expressions`, what libraries do in `calls`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from workbench.lint import definitions, expressions
from workbench.lint.joins import join
from workbench.lint.names import is_bar
from workbench.lint.rows import Atom
from workbench.lint.scopes import Scope
from workbench.lint.stores import assign, bind
from workbench.lint.trace import Trace
from workbench.lint.values import (
    AHEAD,
    NONE,
    Class,
    External,
    Function,
    Marks,
    Sequence,
    Site,
    Table,
    Value,
    unique,
)

MAX_STEPS = 400_000
MAX_UNROLLED = 24


class TooLarge(Exception):
    """The file needs more work than one file is given."""


class Interpreter:
    """One run over one file; `trace` holds what happened."""

    def __init__(self) -> None:
        self.trace = Trace()
        self.module = Scope(None)
        self.scope = self.module
        self.steps = 0
        self.active: list[ast.AST] = []
        self.entered: set[int] = set()
        self.functions: list[tuple[Function, Class | None]] = []
        self.branch = 0
        self.loop = 0
        self.control: list[Marks] = []
        self.files: dict[str, Value] = {}
        self.dynamic: dict[int, Value] = {}
        self.split_keys: dict[str, str] = {}
        self.unused = 0

    # -- places ------------------------------------------------------------------------------------------------------

    def site(self, node: ast.AST) -> Site:
        """Where `node` stands."""
        return Site(getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1, self.scope.function, self.unused > 0)

    def fresh(self, **known: object) -> Table:
        """A table that came from outside: an origin of its own."""
        return Table(rows=frozenset({Atom(unique())}), **known)  # type: ignore[arg-type]

    def tick(self) -> None:
        """Counts a step of work."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooLarge

    # -- statements --------------------------------------------------------------------------------------------------

    def run(self, tree: ast.Module) -> Trace:
        """Walks the module, then each function that nothing called."""
        self.block(tree.body)
        from workbench.lint.roots import run_roots

        run_roots(self)
        return self.trace

    def block(self, body: Iterable[ast.stmt]) -> bool:
        """Runs statements; True where the end can't be reached."""
        for statement in body:
            self.tick()
            method = getattr(self, f"_{type(statement).__name__.lower()}", None)
            if method is not None and method(statement):
                return True
        return False

    def eval(self, node: ast.expr | None) -> Value:
        """The abstract value of an expression."""
        return expressions.evaluate(self, node) if node is not None else Value(const=None)

    def _expr(self, node: ast.Expr) -> None:
        self.eval(node.value)

    def _assign(self, node: ast.Assign) -> None:
        value = self.eval(node.value)
        for target in node.targets:
            assign(self, target, value, node.value)

    def _annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            assign(self, node.target, self.eval(node.value), node.value)

    def _augassign(self, node: ast.AugAssign) -> None:
        before, added = self.eval(node.target), self.eval(node.value)
        value = expressions.combined(self, node, node.op, before, added)
        if isinstance(before, Sequence) and isinstance(node.op, ast.Add):
            before.items = [*before.items, *(added.items if isinstance(added, Sequence) else [added])][:64]
            value = before
        assign(self, node.target, value, node.value)

    def _return(self, node: ast.Return) -> bool:
        value = self.eval(node.value)
        marks = self.controlled()
        if marks and isinstance(value, Value) and not isinstance(value, Table):
            value = value.with_(marks=value.marks | marks)
        self.scope.returns.append(value)
        return True

    def _raise(self, node: ast.Raise) -> bool:
        return True

    def _continue(self, node: ast.Continue) -> bool:
        return True

    def _break(self, node: ast.Break) -> bool:
        return True

    def _if(self, node: ast.If) -> bool:
        test = self.eval(node.test)
        if isinstance(node.test, ast.Compare) and _is_main_guard(node.test):
            return self.block(node.body)
        if test.const is True or test.const is False:
            return self._decided(node, test.const)
        expressions.notice_choice(self, node, test, [*node.body, *node.orelse])
        self.control.append(frozenset(m for m in test.marks if m.kind in AHEAD))
        self.branch += 1
        before = dict(self.scope.names)
        ended = self.block(node.body)
        after = self.scope.names
        self.scope.names = dict(before)
        ended_else = self.block(node.orelse)
        self.branch -= 1
        self.control.pop()
        if ended and not ended_else:
            return False
        if ended_else and not ended:
            self.scope.names = after
            return False
        self._meet(after)
        return ended and ended_else

    def _decided(self, node: ast.If, taken: bool) -> bool:
        # An option that is off by default and that nobody switches on is followed as well: with a mark that it isn't used.
        option = node.test.id if isinstance(node.test, ast.Name) else ""
        if taken or option not in self.scope.options:
            return self.block(node.body if taken else node.orelse)
        before = dict(self.scope.names)
        self.unused += 1
        ended = self.block(node.body)
        self.unused -= 1
        after, self.scope.names = self.scope.names, before
        if self.block(node.orelse):
            return True
        if not ended:
            self._meet(after)
        return False

    def _meet(self, other: dict[str, Value]) -> None:
        mine = self.scope.names
        for name in {*mine, *other}:
            a, b = mine.get(name), other.get(name)
            if a is not b:
                mine[name] = join(a, b)

    def _for(self, node: ast.For) -> None:
        iterable = self.eval(node.iter)
        self.loop += 1
        if isinstance(iterable, Sequence) and not iterable.open and len(iterable.items) <= self.unrolled():
            for item in iterable.items:
                assign(self, node.target, item, node.iter)
                self.block(node.body)
        else:
            for _ in range(2):
                assign(self, node.target, expressions.iterated(self, iterable), node.iter)
                before = dict(self.scope.names)
                self.block(node.body)
                self._meet_loop(before)
        self.loop -= 1
        self.block(node.orelse)

    def unrolled(self) -> int:
        """Up to how many known items a loop is run for each: fewer inside other loops."""
        return MAX_UNROLLED if self.loop <= 1 else 6

    def _meet_loop(self, before: dict[str, Value]) -> None:
        # Only what a loop adds to containers and numbers is joined; a table that is replaced in each round is the last one.
        for name, value in before.items():
            now = self.scope.names.get(name)
            if now is not None and now is not value and type(now) is Value and type(value) is Value:
                self.scope.names[name] = join(value, now)

    _asyncfor = _for

    def _while(self, node: ast.While) -> None:
        self.loop += 1
        for _ in range(2):
            test = self.eval(node.test)
            self.control.append(frozenset(m for m in test.marks if m.kind in AHEAD))
            before = dict(self.scope.names)
            self.block(node.body)
            self._meet_loop(before)
            self.control.pop()
        self.loop -= 1
        self.block(node.orelse)

    def _with(self, node: ast.With | ast.AsyncWith) -> bool:
        for entered in node.items:
            value = self.eval(entered.context_expr)
            if entered.optional_vars is not None:
                assign(self, entered.optional_vars, value, entered.context_expr)
        return self.block(node.body)

    _asyncwith = _with

    def _try(self, node: ast.Try) -> bool:
        ended = self.block(node.body)
        if not ended:
            ended = self.block(node.orelse)
        done = dict(self.scope.names)
        self.branch += 1
        for handler in node.handlers:
            if handler.name:
                bind(self, handler.name, Value())
            if not self.block(handler.body):
                self._meet(done)
            else:
                self.scope.names = dict(done)
        self.branch -= 1
        return self.block(node.finalbody) or (ended and not node.handlers)

    _trystar = _try

    def _match(self, node: ast.Match) -> None:
        self.eval(node.subject)
        before = dict(self.scope.names)
        self.branch += 1
        for case in node.cases:
            done = self.scope.names
            self.scope.names = dict(before)
            if self.block(case.body):
                self.scope.names = done
            else:
                self._meet(done)
        self.branch -= 1

    def _assert(self, node: ast.Assert) -> None:
        self.eval(node.test)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                table = self.eval(target.value)
                if isinstance(table, Table):
                    table.columns.pop(str(target.slice.value), None)

    def _global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.scope.outer.update(node.names)

    _nonlocal = _global

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            path = alias.name if alias.asname else alias.name.partition(".")[0]
            bind(self, alias.asname or path, External(path=path))

    def _importfrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name != "*":
                bind(self, alias.asname or alias.name, External(path=f"{node.module or ''}.{alias.name}"))

    def _functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        bind(self, node.name, definitions.function_of(self, node))

    _asyncfunctiondef = _functiondef

    def _classdef(self, node: ast.ClassDef) -> None:
        bind(self, node.name, definitions.class_of(self, node))

    def controlled(self) -> Marks:
        """Look-ahead in the conditions that the current statement hangs on."""
        return NONE.union(*self.control) if self.control else NONE

    def notice_order(self, value: Value, evidence: str) -> None:
        """Records something that shows rows in the order of time."""
        self.trace.order.add(evidence)
        if any(is_bar(name) for name in value.names):
            self.trace.order.add("bars")


def _is_main_guard(test: ast.Compare) -> bool:
    return isinstance(test.left, ast.Name) and test.left.id == "__name__"
