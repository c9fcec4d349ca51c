"""What an entry of the catalogue is, and the building blocks most cures are made of.

An entry names what a library took away, how that shows in a traceback, and the edit that says the same to the newer
version; or says why there is none. The libraries' entries are in `catalogue/`, one file each.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from workbench.skills.call_edits import remove_arguments, replace_argument
from workbench.skills.source import Edits, Module, constant_text, import_position, keyword


@dataclass(frozen=True)
class Site:
    """Where a cure works: the file, the edits to add to, and what the traceback says.

    `lines` are the traceback's lines in this file, innermost first, empty when the file is only searched for the same
    pattern. `match` is the symptom's match in the traceback's last line, None when only searching.
    """

    module: Module
    edits: Edits
    lines: Sequence[int]
    match: re.Match[str] | None

    @property
    def located(self) -> bool:
        """Whether the traceback led here."""
        return self.match is not None

    def here(self, node: ast.AST) -> bool:
        """Whether the innermost of the traceback's lines runs through this node."""
        return bool(self.lines) and node.lineno <= self.lines[0] <= (node.end_lineno or 0)  # type: ignore[attr-defined]

    def on_path(self, node: ast.AST) -> bool:
        """Whether any of the traceback's lines runs through this node."""
        return any(node.lineno <= line <= (node.end_lineno or 0) for line in self.lines)  # type: ignore[attr-defined]


class NoCure(Exception):
    """Raised by a cure that found the place and can't say the same in the newer version; the text says why."""


Cure = Callable[[Site], Iterable[str]]
"""Adds edits and yields what it replaced, in a few words each. Yields nothing where its pattern isn't."""


@dataclass(frozen=True)
class Removal:
    """One thing that a library no longer has.

    `symptom` is searched in `ExceptionType: message`; `since` is the version without it. `everywhere` means that the cure
    knows its pattern by the file's imports alone, so it may be applied without a traceback that leads to it; `gone` is then
    a name that the installed library must not have.
    """

    name: str
    library: str
    since: str
    symptom: str
    cure: Cure
    everywhere: bool = True
    gone: str = ""

    def matches(self, text: str) -> re.Match[str] | None:
        """The symptom in the last line of a traceback."""
        return re.search(self.symptom, text)


def unexpected(keyword_name: str, *owners: str) -> str:
    """Symptom of a removed keyword argument; `owners` are the functions or classes it may be reported for."""
    owner = rf"(?:(?:\w+\.)*(?:{'|'.join(owners)})(?:\.__init__|\.__new__)?\(\) )?" if owners else r"(?:[\w.]+\(\) )?"
    return rf"TypeError: {owner}got an unexpected keyword argument '(?P<keyword>{keyword_name})'"


def missing_attribute(name: str, module: str) -> str:
    """Symptom of a name that a module no longer has, met as an attribute or in an import."""
    last = module.rpartition(".")[2]
    return (
        rf"AttributeError: [Mm]odule '{re.escape(module)}' has no attribute '{name}'(?!\w)"
        rf"|AttributeError: `(?:np|{re.escape(last)})\.{name}` was removed"
        rf"|ImportError: cannot import name '{name}' from '{re.escape(module)}'"
    )


def is_named(module: Module, node: ast.AST, names: Sequence[str], package: str = "") -> bool:
    """Whether an expression names one of `names` (last parts), imported from `package` or anything below it."""
    origin = module.qualified(node)
    if origin is None or origin.rpartition(".")[2] not in names:
        return False
    return not package or origin == package or origin.startswith(f"{package}.")


def calls_of(module: Module, names: Sequence[str], package: str) -> Iterator[ast.Call]:
    """Calls of these names of a package, and `functools.partial` or `make_scorer` of them, in the order of the text."""
    for call in module.calls():
        if is_named(module, call.func, names, package) or (
            is_named(module, call.func, ["partial", "make_scorer"])
            and call.args
            and is_named(module, call.args[0], names, package)
        ):
            yield call


def renamed_keyword(names: Sequence[str], package: str, old: str, new: str) -> Cure:
    """`f(old=…)` → `f(new=…)` for calls of these names, and for the call that the traceback points at."""

    def cure(site: Site) -> Iterator[str]:
        certain = set(calls_of(site.module, names, package))
        for call in site.module.calls():
            found = keyword(call, old)
            if found is not None and (call in certain or (site.located and site.here(call))):
                start = site.module.start(found)
                site.edits.replace(start, start + len(old), new)
                yield f"`{old}=` → `{new}=`"
        if site.located or package.partition(".")[0] in {origin.partition(".")[0] for origin in site.module.imports.values()}:
            yield from _dictionary_keys(site, old, new) if site.located else ()

    return cure


def _dictionary_keys(site: Site, old: str, new: str) -> Iterator[str]:
    """Options kept in a dictionary: `{"old": …}` and `{"step__old": …}` in a file that the traceback leads through."""
    for node in ast.walk(site.module.tree):
        for key in node.keys if isinstance(node, ast.Dict) else []:
            if constant_text(key) and re.fullmatch(rf"(?:\w+__)?{re.escape(old)}(?:__\w+)?", key.value):
                text = site.module.segment(key)
                site.edits.replace(
                    site.module.start(key),
                    site.module.end(key),
                    re.sub(rf"\b(\w+__)?{re.escape(old)}(?=__|\b)", lambda m: (m[1] or "") + new, text),
                )
                yield f'"{old}" → "{new}"'


def dropped_keyword(names: Sequence[str], package: str, name: str, values: Sequence[object] | None = None, why: str = "") -> Cure:
    """`f(…, name=…)` → `f(…)`; only for these literal `values` where they are given, else NoCure with `why`."""

    def cure(site: Site) -> Iterator[str]:
        certain = set(calls_of(site.module, names, package))
        for call in site.module.calls():
            found = keyword(call, name)
            if found is None or not (call in certain or (site.located and site.here(call))):
                continue
            if values is not None and not (isinstance(found.value, ast.Constant) and found.value.value in values):
                if site.located:
                    raise NoCure(f"`{site.module.segment(found)}` at {site.module.path}:{found.value.lineno}: {why}")
                continue
            remove_arguments(site.module, call, [found], site.edits)
            yield f"`{site.module.segment(found)}` dropped"

    return cure


def renamed_name(old: str, new: str) -> Cure:
    """A qualified name that moved or was renamed: `numpy.product` → `numpy.prod`; a builtin has no dot.

    Uses through a module (`np.product`) and imports (`from numpy import product`) are both rewritten.
    """
    old_home, _, old_last = old.rpartition(".")
    new_home, _, new_last = new.rpartition(".")
    is_module = not new_home and not hasattr(builtins, new)

    def cure(site: Site) -> Iterator[str]:
        module, said = site.module, False
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module == old_home and not node.level:
                alias = next((a for a in node.names if a.name == old_last), None)
                if alias is not None and is_module:
                    drop_alias(site, node, alias, instead=f"import {new}" + (f" as {alias.asname}" if alias.asname else ""))
                elif alias is not None:
                    _imported_name(site, node, alias, new_home, new_last)
                said = said or alias is not None
            elif isinstance(node, ast.Attribute) and module.qualified(node) == old and isinstance(node.ctx, ast.Load):
                said = True
                if is_module:
                    site.edits.replace(module.start(node), module.end(node), through_module(site, new))
                elif new_home == old_home:
                    site.edits.replace(module.end(node) - len(node.attr), module.end(node), new_last)
                elif not new_home:
                    site.edits.replace(module.start(node), module.end(node), new_last)
                else:
                    site.edits.replace(module.start(node), module.end(node), through_module(site, new_home) + "." + new_last)
        if said:
            yield f"`{old}` → `{new}`"

    return cure


def _imported_name(site: Site, node: ast.ImportFrom, alias: ast.alias, new_home: str, new: str) -> None:
    """Rewrites `from home import old`; the uses of the name follow where it has no alias."""
    module, old = site.module, alias.name
    local = alias.asname or (new if new_home else alias.name)
    if new_home == node.module:
        site.edits.replace(module.start(alias), module.start(alias) + len(alias.name), new)
    else:
        line = f"from {new_home} import {new}" + (f" as {alias.asname}" if alias.asname else "") if new_home else ""
        drop_alias(site, node, alias, instead=line)
    if alias.asname is None or not new_home:
        for use in ast.walk(module.tree):
            if isinstance(use, ast.Name) and use.id == (alias.asname or old):
                site.edits.replace(module.start(use), module.end(use), local if new_home else new)


def drop_alias(site: Site, node: ast.ImportFrom, alias: ast.alias, instead: str = "") -> None:
    """Takes one name out of a `from … import …`, and puts the line `instead` in front of it."""
    module = site.module
    if len(node.names) == 1:
        if instead:
            site.edits.replace(module.start(node), module.end(node), instead)
        else:
            site.edits.replace(module.line_start(module.start(node)), module.line_end(module.end(node)), "")
        return
    index = node.names.index(alias)
    if index + 1 < len(node.names):
        site.edits.replace(module.start(alias), module.start(node.names[index + 1]), "")
    else:
        site.edits.replace(module.end(node.names[index - 1]), module.end(alias), "")
    if instead:
        site.edits.insert(module.start(node), f"{instead}{module.newline}{module.indent(node)}")


def through_module(site: Site, home: str) -> str:
    """A local name for the module `home`, imported if it isn't yet."""
    for local, origin in site.module.imports.items():
        if origin == home:
            return local
    head, _, rest = home.partition(".")
    line = f"import {home}{site.module.newline}"
    if not any(text == line for _, _, text in site.edits.changes):
        site.edits.insert(import_position(site.module), line)
    return f"{head}.{rest}" if rest else head


def moved_module(old: str, new: str) -> Cure:
    """`from old import …` and `import old` → `new`."""

    def cure(site: Site) -> Iterator[str]:
        module = site.module
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module == old and not node.level:
                start = module.text.index(old, module.start(node))
                site.edits.replace(start, start + len(old), new)
                yield f"`{old}` → `{new}`"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name == old and alias.asname:
                        site.edits.replace(module.start(alias), module.start(alias) + len(old), new)
                        yield f"`{old}` → `{new}`"

    return cure


def renamed_attribute(old: str, new: str) -> Cure:
    """`x.old` → `x.new` on the traceback's line; on others of the file where that one is the same attribute."""

    def cure(site: Site) -> Iterator[str]:
        if not site.located:
            return
        for node in ast.walk(site.module.tree):
            if isinstance(node, ast.Attribute) and node.attr == old and site.module.qualified(node) is None:
                site.edits.replace(site.module.end(node) - len(old), site.module.end(node), new)
                yield f"`.{old}` → `.{new}`"

    return cure


def renamed_value(names: Sequence[str], package: str, parameter: str, old: object, new: str) -> Cure:
    """`f(parameter=old)` → `f(parameter=new)`, also in a dictionary of options in a file that the traceback leads through."""

    def cure(site: Site) -> Iterator[str]:
        module = site.module
        spots: list[ast.expr] = []
        for call in calls_of(module, names, package):
            found = keyword(call, parameter)
            spots += [found.value] if found is not None else []
        if site.located:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Dict):
                    pairs = zip(node.keys, node.values)
                    spots += [v for k, v in pairs if constant_text(k) and k.value.rpartition("__")[2] == parameter]
        for spot in spots:
            if isinstance(spot, ast.Constant) and spot.value == old and type(spot.value) is type(old):
                site.edits.replace(module.start(spot), module.end(spot), new)
                yield f"`{parameter}={old!r}` → `{parameter}={new}`"

    return cure


def nothing(why: str) -> Cure:
    """The cure of an entry that has none."""

    def cure(site: Site) -> Iterator[str]:
        if site.located:
            raise NoCure(why)
        return iter(())

    return cure


def replace_keyword(site: Site, node: ast.keyword, text: str) -> None:
    """Puts `text` in place of a keyword argument."""
    replace_argument(site.module, node, text, site.edits)
