"""Python that no stage reaches: who else does (tests, checks, packaging, a person), or nobody, and then there is no risk."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.changes.code import MAIN, Module
from workbench.changes.contracts import parsed
from workbench.changes.model import Risk, RiskKind, shown_path
from workbench.changes.places import Place, place_of
from workbench.changes.reach import module_name, references
from workbench.changes.scene import Scene, Side

_USERS: dict[Place, tuple[RiskKind, str]] = {
    "test": (RiskKind.TEST, "tests use it"),
    "conftest": (RiskKind.GATE, "the setup of all tests uses it"),
    "gate": (RiskKind.GATE, "checks run or use it"),
    "workbench": (RiskKind.GATE, "the checks use it"),
    "policy": (RiskKind.POLICY, "the policy names it"),
    "skill": (RiskKind.SKILL, "a skill uses it"),
    "pyproject": (RiskKind.GATE, "packaging or tools name it"),
    "dependency": (RiskKind.DEPENDENCY, "installation names it"),
    "deployment": (RiskKind.DEPLOYMENT, "deployment names it"),
    "settings": (RiskKind.GATE, "the settings name it"),
    "startup": (RiskKind.UNKNOWN, "Python uses it at every start"),
}


def judge_unreached(scene: Scene, path: str, parts: list[str], before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """The risks of changed parts that no stage can come to; none where nothing at all can."""
    place = shown_path(path)
    if scene.unfollowed:
        reason = f"no stage names it, but what stages reach is not fully known: {scene.unfollowed[0]}"
        yield Risk(kind=RiskKind.UNKNOWN, path=place, reason=reason)
    name = module_name(path)
    imported = any(side.importing(name) for side in scene.sides)
    if not imported or MAIN in parts:
        for side, content in zip(scene.sides, (before, after), strict=True):
            if content is not None and _starts(side.code.parse(path), path, content):
                reason = "can be started by itself, and nothing says what it does"
                yield Risk(kind=RiskKind.UNKNOWN, path=place, reason=reason)
    seen: set[tuple[RiskKind, str]] = set()
    for side in scene.sides:
        for kind, reason in _users(side, path, None if imported is False else frozenset(parts)):
            if (kind, reason) not in seen:
                seen.add((kind, reason))
                yield Risk(kind=kind, path=place, reason=reason)


def _starts(module: Module | None, path: str, content: bytes) -> bool:
    return path.endswith("__main__.py") or content.startswith(b"#!") or module is None or bool(module.main)


def _users(side: Side, path: str, parts: frozenset[str] | None) -> Iterator[tuple[RiskKind, str]]:
    """Who comes to the file, through any number of other files; `parts` limits it to users that name one of them."""
    staged = {found for stage in side.stages for found in stage.reach.modules}
    pending: list[tuple[str, frozenset[str] | None]] = [(path, parts)]
    seen = {path}
    while pending:
        here, wanted = pending.pop()
        for user in sorted(side.users(here) - seen):
            if wanted is not None and not any(part in side.texts[user] for part in wanted):
                continue
            seen.add(user)
            use = _USERS.get(place_of(user))
            if use is not None:
                yield use[0], f"{use[1]} ({shown_path(user)})"
            elif user.endswith(".py"):
                module = side.code.parse(user)
                if module is None or (module.main and module_name(user) not in staged):
                    yield RiskKind.UNKNOWN, f"a program that can be started by itself uses it ({shown_path(user)})"
                elif module_name(user) not in staged:
                    pending.append((user, None))
                elif wanted is None:
                    yield RiskKind.UNKNOWN, f"code of a stage names it in a way that can't be followed ({shown_path(user)})"
                else:
                    naming = _naming(module, module_name(here), wanted)
                    pending += [(user, naming)] if naming else []
            elif place_of(user) == "contract":  # what a contract names is followed, as far as it can be read
                if parsed(side.texts[user].encode()) is None:
                    yield RiskKind.UNKNOWN, f"{shown_path(user)} may name it, and can't be read"
            elif place_of(user) in ("notebook", "script", "config", "environment", "unknown"):
                yield RiskKind.UNKNOWN, f"it is named in {shown_path(user)}, and nothing says what follows"


def _naming(user: Module, module: str, parts: frozenset[str]) -> frozenset[str]:
    """The parts of a module that name one of `parts` of another."""
    package, _, leaf = module.rpartition(".")
    bound = {
        name
        for name, targets in user.bindings.items()
        if any((source == module and (attribute is None or attribute in parts)) or (source, attribute) == (package, leaf)
               for source, attribute in targets)
    }  # fmt: skip
    return frozenset(
        part
        for part in user.definitions
        if any(words[0] in bound or parts & set(words) for node in user.nodes(part) for words in references(node))
    )
