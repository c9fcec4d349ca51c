"""Whether changed code says anything that it didn't say before, or that can mean something else elsewhere.

A refactor says the same in another arrangement: its constants, operators, columns, methods and branches were all there. What
runs equally on today's data but says something new (another bound, a later date, one more method) may differ on tomorrow's.
Reads syntax only; which parts of the code changed is told by the caller.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from workbench.changes.code import Module, call_name, dotted
from workbench.changes.idioms import opaque_signs
from workbench.changes.model import word_set
from workbench.changes.spelled import VARIABLE, fields_of, filter_of, is_record, members_of, records, unspoken
from workbench.changes.syntax import walk

# What a refactor may add: containers, copies, and saying what goes on.
_HARMLESS = word_set("""
    list dict tuple len enumerate zip range print append extend items keys copy assign loc to_numpy columns
    asarray shape getLogger debug info warning error __name__ format logging Any Final cast
""")
_GUARDING = frozenset({"word", "comparison", "argument", "number"})
_LOSABLE = frozenset({"copy", "deepcopy"})
_SAYING = word_set("print debug info warning error exception getLogger")
_ELSEWHERE = word_set("""
    os time random secrets uuid socket platform locale getpass tempfile threading multiprocessing concurrent asyncio
    signal resource shutil glob sched select sys builtins inspect gc importlib ctypes weakref contextvars warnings
""")
_PATH_WORDS = frozenset({"join", "dirname", "basename"})
_LOOKING_AROUND = word_set("""
    exists is_file is_dir glob rglob iterdir cwd home stat st_mtime st_ctime st_size now today utcnow localtime
    getsize getmtime cpu_count hostname version __version__ platform environ
""")
_DUNDER = re.compile(r"__\w+__")
_FINE_DUNDERS = frozenset({"__name__", "__init__", "__future__", "__file__", "__post_init__"})
_LIKE = {ast.Lt: "strict", ast.Gt: "strict", ast.LtE: "loose", ast.GtE: "loose"}
_BRANCHES = (ast.If, ast.IfExp, ast.While, ast.Match)
_SHAPES = (
    ast.Break, ast.Continue, ast.Try, ast.With, ast.Yield, ast.YieldFrom, ast.Await, ast.Slice, ast.Delete, ast.Assert, ast.Raise,
    ast.NamedExpr,
)  # fmt: skip

Token = tuple[str, str]


@dataclass(frozen=True)
class ChangedPart:
    """A changed part of a module on both sides; no nodes on the side on which it isn't there."""

    before: Sequence[ast.stmt]
    after: Sequence[ast.stmt]
    old: Module | None
    new: Module | None
    name: str


def new_words(parts: Sequence[ChangedPart]) -> list[str]:
    """What the result says that the base did not, in words; empty where all of it was there before.

    A part may say what it said itself, and what another changed part no longer says; a new one what those said that name it.
    """
    come = {part.name for part in parts if not part.before}
    said = [(_tokens(part, False, come), _tokens(part, True, come)) for part in parts]
    moved = {token for before, after in said for token in before - after}
    gained: set[Token] = set()
    for part, (_, after) in zip(parts, said):
        known = moved | _known(part, parts, {id(one): before for one, (before, _) in zip(parts, said)})
        if {("comparison", "Eq"), ("operator", "Invert")} <= known:  # `~(a == b)`
            known.add(("comparison", "NotEq"))
        if ("statement", "Yield") in known:
            known.add(("statement", "YieldFrom"))
        gained |= after - known
    return sorted(f"{what} {text}".strip() for what, text in gained if not (what == "word" and text in _HARMLESS))


def lost_words(parts: Sequence[ChangedPart]) -> list[str]:
    """What the base said and the result no longer does, where it may have been a guard: a call, a bound, a comparison, a branch.

    Today's data may never have needed it, so that running shows nothing; tomorrow's may.
    """
    come = {part.name for part in parts if not part.before}
    said = {token for part in parts for token in _tokens(part, True, come)}
    gone = {part.name for part in parts if not part.after}
    gone |= {one.name for part in parts for node in part.before for one in walk(node) if isinstance(one, ast.FunctionDef)}
    lost = {token for part in parts for token in _tokens(part, False, gone) - said}
    found = {f"{what} {text}".strip() for what, text in lost if what in _GUARDING and text not in _HARMLESS | _LOSABLE | gone}
    if sum(_guards(part.before) for part in parts) > sum(_guards(part.after) for part in parts):
        found.add("a branch or a check")
    return sorted(found)


def _guards(nodes: Iterable[ast.stmt]) -> int:
    """How many branches, checks and filters there are."""
    inner = [one for node in nodes for one in walk(node)]
    ifs = sum(len(one.ifs) for one in inner if isinstance(one, ast.comprehension))
    return ifs + sum(isinstance(one, (*_BRANCHES, ast.Assert, ast.Raise, ast.Continue, ast.ExceptHandler)) for one in inner)


def _known(part: ChangedPart, parts: Sequence[ChangedPart], before: Mapping[int, set[Token]]) -> set[Token]:
    """What a part said before; for a new one, what was said by the parts that name it now."""
    seen, ahead, known = {id(part)}, [part], set[Token]()
    while ahead:
        here = ahead.pop()
        if here.before:
            known |= before[id(here)]
            continue
        namers = [one for one in parts if id(one) not in seen and any(here.name in _named(node) for node in one.after)]
        seen.update(map(id, namers))
        ahead += namers
    return known


def _named(node: ast.AST) -> set[str]:
    words = (inner for inner in walk(node) if isinstance(inner, ast.Name | ast.Attribute))
    return {word.id if isinstance(word, ast.Name) else word.attr for word in words}


def unsure(parts: Sequence[ChangedPart]) -> list[str]:
    """What in the changed code can behave differently elsewhere or can't be followed, in words, on either side."""
    found: dict[str, None] = {}
    for part in parts:
        for nodes, module in ((part.before, part.old), (part.after, part.new)):
            shared = frozenset(module.bindings) if module else frozenset()
            for reason in opaque_signs(nodes, shared):
                found.setdefault(reason)
            for node in nodes:
                own = _own_names(node) - shared - (module.definitions.keys() if module else set())
                for inner in walk(node):
                    for reason in _unsure(inner, module, own):
                        found.setdefault(reason)
    return list(found)


def _unsure(node: ast.AST, module: Module | None, own: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Global | ast.Nonlocal):
        yield "changes names outside of its function"
    if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await):
        yield "runs asynchronously"
    if isinstance(node, ast.Attribute | ast.Name):
        word = node.attr if isinstance(node, ast.Attribute) else node.id
        if word in _LOOKING_AROUND and not (isinstance(node, ast.Name) and word in own):
            yield f"looks at what is around it (`{word}`)"
        if _DUNDER.fullmatch(word) and word not in _FINE_DUNDERS:
            yield f"uses `{word}`"
    if isinstance(node, ast.Name) and module is not None:
        for source, _ in module.bindings.get(node.id, ()):
            if source.partition(".")[0] in _ELSEWHERE - {"os"}:
                yield f"uses `{source}`, which can answer differently elsewhere"
    if isinstance(node, ast.Attribute):
        words = dotted(node)
        if words[:1] == ["os"] and len(words) > 1 and words[1] != "path":
            yield f"uses `{'.'.join(words)}`"
        if words[:2] == ["os", "path"] and len(words) > 2 and words[2] not in _PATH_WORDS:
            yield f"uses `{'.'.join(words)}`"


def _tokens(part: ChangedPart, after: bool, come: set[str]) -> set[Token]:
    """What a side of a part says: words, constants, operators and branches; names of its own don't count."""
    nodes, module = (part.after, part.new) if after else (part.before, part.old)
    bindings = module.bindings if module else {}
    definitions = module.definitions if module else {}
    made = [one for name in come for one in definitions.get(name, ()) if is_record(one)]
    fields = {field for one in made for field in fields_of(one)}
    fresh = _fresh_members(part) if after else set[str]()
    typed = members_of(definitions.get(part.name, ())) is None and any(
        isinstance(one, ast.ClassDef) for one in definitions.get(part.name, ())
    )
    found: set[Token] = set()
    for node in nodes:
        own = _own_names(node) - set(bindings)
        held = records([node], [one.name for one in made if isinstance(one, ast.ClassDef)])
        given = {VARIABLE + name for name in own}
        silent: set[int] = set()
        for inner in walk(node):
            silent |= {id(one) for one in (*_spoken(inner), *unspoken(inner))}
            if isinstance(inner, ast.AnnAssign) and not typed and not isinstance(node, ast.ClassDef):
                silent |= {id(one) for one in walk(inner.annotation)}
            if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
                of_a_record = inner.value.id in held and inner.attr in fields
                if of_a_record or (inner.value.id in own and inner.attr in fresh and inner.value.id == _first(inner, nodes)):
                    silent.add(id(inner))
            condition = filter_of(inner)
            if condition is not None and isinstance(inner, ast.Call):
                silent |= {id(inner.func), id(inner.args[0])}
                found |= {token for one in walk(condition) for token in _token(one, given, {}, set())}
        for inner in walk(node):
            if id(inner) not in silent:
                found |= set(_token(inner, own, bindings, come, silent))
    return found


def _fresh_members(part: ChangedPart) -> set[str]:
    """What a plain class calls its own now and did not before: renamed methods and attributes."""
    sides = [module.definitions.get(part.name, []) if module else [] for module in (part.old, part.new)]
    before, after = (members_of(nodes) if len(nodes) == 1 else None for nodes in sides)
    return after - before if before is not None and after is not None else set()


def _first(node: ast.Attribute, nodes: Iterable[ast.stmt]) -> str | None:
    """The first parameter of the method that an expression stands in."""
    for each in nodes:
        for method in walk(each):
            if isinstance(method, ast.FunctionDef) and method.args.args and any(inner is node for inner in walk(method)):
                return method.args.args[0].arg
    return None


def _token(
    node: ast.AST, own: set[str], bindings: Mapping[str, object], come: set[str], silent: Collection[int] = ()
) -> Iterator[Token]:  # fmt: skip
    if isinstance(node, ast.Constant):
        yield ("word", node.value) if isinstance(node.value, str) else ("constant", repr(node.value))
    elif isinstance(node, ast.Attribute):
        words = dotted(node)
        if not (node.attr in come and len(words) == 2 and words[0] in bindings):
            yield ("word", node.attr)
    elif isinstance(node, ast.Name):
        if node.id in bindings:
            for _, name in sorted(bindings[node.id], key=repr):  # type: ignore[call-overload]
                if name is not None and name not in come:
                    yield ("word", name)
        elif node.id not in own and node.id not in come:
            yield ("word", node.id)
    elif isinstance(node, ast.Call):
        yield from _call_tokens(node, own, come, silent)
    elif isinstance(node, ast.BinOp | ast.AugAssign | ast.UnaryOp):
        if not isinstance(node.op, ast.Not):
            yield ("operator", type(node.op).__name__)
        yield from _beside(type(node.op).__name__, [getattr(node, side, None) for side in ("left", "right", "value", "operand")])
    elif isinstance(node, ast.BoolOp):
        yield ("operator", type(node.op).__name__)
    elif isinstance(node, ast.Compare):
        yield from (("comparison", _LIKE.get(type(op), type(op).__name__)) for op in node.ops)
        yield from _beside("a comparison", [node.left, *node.comparators])
    elif isinstance(node, ast.comprehension):
        yield from (("branch", "") for _ in node.ifs)
    elif isinstance(node, _BRANCHES):
        yield ("branch", "")
    elif isinstance(node, _SHAPES):
        yield ("statement", type(node).__name__)


def _call_tokens(node: ast.Call, own: set[str], come: set[str], silent: Collection[int]) -> Iterator[Token]:
    named = isinstance(node.func, ast.Name)
    for keyword in node.keywords:
        if keyword.arg is None:
            yield ("call", "with `**`")
        elif id(keyword) in silent:  # the first place by its name, or a default
            if isinstance(keyword.value, ast.Constant) and id(keyword.value) not in silent:
                yield ("argument", f"`{ast.unparse(keyword.value)}` as number 1 of `{call_name(node)}`")
        elif not (named and call_name(node) in come):
            yield ("word", keyword.arg)
            if isinstance(keyword.value, ast.Constant) or (isinstance(keyword.value, ast.Name) and keyword.value.id not in own):
                yield ("argument", f"`{keyword.arg}={ast.unparse(keyword.value)}`")
    if not (named and call_name(node) in come | own) and call_name(node) not in _SAYING:
        for number, given in enumerate(node.args):
            if isinstance(given, ast.Constant) and id(given) not in silent:
                yield ("argument", f"`{ast.unparse(given)}` as number {number + 1} of `{call_name(node)}`")
    if named and call_name(node) in own:
        yield ("call", "of a name of its own")
    if not isinstance(node.func, ast.Name | ast.Attribute):
        yield ("call", "of something computed")


def _beside(what: str, sides: Iterable[ast.AST | None]) -> Iterator[Token]:
    """A number in another place says something else, although it was said elsewhere before."""
    for side in sides:
        if isinstance(side, ast.Constant) and not isinstance(side.value, str):
            yield ("number", f"`{ast.unparse(side)}` beside {what}")


def _spoken(node: ast.AST) -> Iterator[ast.AST]:
    """The text in what is only said: log lines."""
    if isinstance(node, ast.Call) and call_name(node) in _SAYING:
        yield from (
            inner for argument in node.args for inner in walk(argument)
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
        )  # fmt: skip


def _own_names(node: ast.AST) -> set[str]:
    """Names that a statement binds anywhere inside: variables, parameters, functions."""
    found = set()
    for inner in walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store | ast.Del):
            found.add(inner.id)
        elif isinstance(inner, ast.arg):
            found.add(inner.arg)
        elif isinstance(inner, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler) and inner.name:
            found.add(inner.name)
    return found
