"""The two trees of a change side by side: use cases, which stage reaches which part of the code, and who mentions a file.

Answers questions about code; what kind of risk follows from an answer is decided in `python.py` and `files.py`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from workbench.changes.code import MAIN, TOP
from workbench.changes.contracts import UseCase, use_cases
from workbench.changes.model import Change
from workbench.changes.reach import Code, Part, Reach, constants, module_name, reach
from workbench.changes.searched import Searched
from workbench.repo import Entry, Repo

if TYPE_CHECKING:
    from workbench.changes.meaning import Meaning

_SEARCHED = re.compile(
    r".*\.(py|pyi|toml|cfg|ini|ya?ml|json|sh|bash|mk|ipynb|tf|env|service|conf|in)|(?:.*/)?(Makefile|GNUmakefile|Dockerfile[^/]*|"
    r"Jenkinsfile|Procfile|justfile|Taskfile|tox\.ini|run|[^/.]+)",
    re.IGNORECASE,
)
_MOST_EXPECTED = 300


@dataclass(frozen=True)
class StageReach:
    """What one stage of one use case reaches in one of the trees."""

    use_case: UseCase
    stage: str
    entry: str
    reach: Reach


class Side:
    """One of the two trees."""

    def __init__(self, repo: Repo, tree: str, searched: Searched) -> None:
        self.repo = repo
        self.tree = tree
        self.code = Code(repo, tree)
        self._searched = searched
        self._users: dict[str, frozenset[str]] = {}

    @cached_property
    def stages(self) -> list[StageReach]:
        """Every stage of every use case with what it reaches."""
        cases = list(use_cases(self.repo, self.tree))
        self._expect([entry.partition(":")[0] for case in cases for _, entry in case.entries])
        return [StageReach(case, stage, entry, reach(self.code, entry)) for case in cases for stage, entry in case.entries]

    def _expect(self, modules: Iterable[str]) -> None:
        """Reads what lies beside the entry points at once: most of it is about to be parsed."""
        beside = {(self.code.locate(name) or "").rpartition("/")[0] for name in modules}
        near = [p for p in self.searched_files if p.endswith(".py") and p.rpartition("/")[0] in beside]
        self._searched.hold(self.searched_files[path] for path in near[:_MOST_EXPECTED])

    def reaching(self, part: Part) -> list[StageReach]:
        """The stages that can come to a part of a module; what runs on import counts for every stage importing it."""
        return [found for found in self.stages if part in found.reach.came_from]

    def importing(self, module: str) -> list[StageReach]:
        """The stages that import a module."""
        return [found for found in self.stages if module in found.reach.modules]

    @cached_property
    def imported(self) -> set[str]:
        """Top-level names that the stages' modules import."""
        modules = {name for found in self.stages for name in found.reach.modules}
        parsed = (self.code.module(name) for name in modules)
        return {name.partition(".")[0] for module in parsed if module for name in module.imports}

    def text_users(self, path: str) -> list[tuple[StageReach, Part]]:
        """Stage code in which a string names a file: by its path, its name, a pattern that fits, or its directory."""
        return [
            (found, part)
            for found in self.stages
            for part in found.reach.came_from
            if any(_names_file(text, path) for text in self._strings(part) - found.use_case.sources)
        ]

    def _strings(self, part: Part) -> set[str]:
        known: dict[Part, set[str]] = self.__dict__.setdefault("_known_strings", {})
        if part not in known:
            module = self.code.module(part[0])
            known[part] = constants(module, part[1]) if module else set()
        return known[part]

    @cached_property
    def searched_files(self) -> dict[str, str]:
        """Path → blob id of every file that could make code run: sources, build and configuration files, scripts."""
        return {p: e.id for p, e in self.code.files.items() if e.mode.startswith("100") and _SEARCHED.fullmatch(p)}

    @cached_property
    def texts(self) -> dict[str, str]:
        """The texts of these files by path, without those that are too large."""
        known = self._searched.texts
        return {path: known[blob_id] for path, blob_id in self.searched_files.items() if blob_id in known}

    @cached_property
    def _paths_of(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path, blob_id in self.searched_files.items():
            found.setdefault(blob_id, []).append(path)
        return found

    def _holding(self, words: Iterable[str]) -> set[str]:
        """Files in whose text one of the words occurs."""
        return {path for blob_id in self._searched.holding(words) for path in self._paths_of.get(blob_id, ())}

    def users(self, path: str) -> frozenset[str]:
        """Files that import the module at `path` or name it or its file."""
        if path not in self._users:
            self._users[path] = frozenset(self._users_of(path))
        return self._users[path]

    def _users_of(self, path: str) -> set[str]:
        name, leaf = module_name(path), path.rpartition("/")[2]
        stem = name.rpartition(".")[2]
        needles = [path, leaf] if leaf != "__init__.py" else [path]
        found = set()
        for place in self._holding({stem, leaf}) - {path}:
            text = self.texts[place]
            if any(needle in text for needle in needles):
                found.add(place)
            elif place.endswith(".py"):
                module = self.code.parse(place)
                if module is None or _imports(module.imports, name) or module.dynamic:
                    found.add(place)
            elif re.search(rf"(?<![\w.])({re.escape(name)}|{re.escape(stem)})(?![\w])", text):
                found.add(place)
        return found


def _imports(imported: Iterable[str], name: str) -> bool:
    return any(other == name or other.startswith(f"{name}.") for other in imported)


def _names_file(text: str, path: str) -> bool:
    leaf = path.rpartition("/")[2]
    text = text.strip().removeprefix("./")
    if not text or len(text) > 300 or "\n" in text:
        return False
    if leaf.endswith(".py") and any(c.isspace() for c in text) and not any(c.isspace() for c in path):
        return False  # a sentence about a module reads nothing
    if text in (leaf, path) or text.endswith(f"/{leaf}") or path.endswith(f"/{text}"):
        return True
    if path.startswith(f"{text.rstrip('/')}/") and not path.endswith((".py", ".md", ".rst")):
        return True  # a directory, the files of which may be read one by one
    if any(c in text for c in "*?[") and "." in text + leaf:
        return fnmatch.fnmatchcase(leaf, text.rpartition("/")[2]) and text.strip("*?") != ""
    stem, _, suffix = leaf.rpartition(".")
    # A module is named by its file here; naming it as a module is followed as an import.
    return bool(suffix) and suffix != "py" and len(stem) > 2 and text == stem


class Scene:
    """A change with both of its sides."""

    def __init__(self, repo: Repo, change: Change) -> None:
        self.repo = repo
        self.change = change
        searched = Searched(repo, lambda: {blob_id for side in self.sides for blob_id in side.searched_files.values()})
        self.base = Side(repo, change.base, searched)
        self.result = Side(repo, change.result, searched)

    @property
    def sides(self) -> tuple[Side, Side]:
        """Base and result."""
        return (self.base, self.result)

    def content(self, entry: Entry | None) -> bytes | None:
        """The bytes of a file of either side."""
        return None if entry is None else self.repo.blob(entry.id)

    def stages_of(self, module: str, part: str) -> Iterator[StageReach]:
        """Each (use case, stage) that reaches a part, or runs it on import, on either side; once."""
        seen = set()
        for side in self.sides:
            for found in side.reaching((module, part)):
                if (found.use_case.name, found.stage) not in seen and part != MAIN:
                    seen.add((found.use_case.name, found.stage))
                    yield found

    def stages_importing(self, module: str) -> Iterator[StageReach]:
        """Each (use case, stage) that imports a module on either side, once."""
        yield from self.stages_of(module, TOP)

    @cached_property
    def _meanings(self) -> list[dict[tuple[str, str], Meaning]]:
        from workbench.changes.meaning import stage_meanings

        return [stage_meanings(side.code, side.stages) for side in self.sides]

    def says_the_same(self, found: StageReach, part: Part) -> bool:
        """Whether a stage says the same in both trees, in whatever arrangement, and `part` was looked at to tell so.

        A part that a stage comes to in a way that its meaning doesn't follow (a module named in a text) is never the same.
        """
        key = (found.use_case.name, found.stage)
        base, result = (meanings.get(key) for meanings in self._meanings)
        if base is None or result is None or base.digest != result.digest:
            return False
        for side, meaning in zip(self.sides, (base, result), strict=True):
            reached = any(part in one.reach.came_from for one in side.stages if (one.use_case.name, one.stage) == key)
            if reached and part[1] not in (TOP, MAIN) and part not in meaning.parts:
                return False
        return True

    @cached_property
    def unfollowed(self) -> list[str]:
        """Why what the stages reach is not fully known, in words; empty where it is."""
        found = {f"{path} can't be parsed" for side in self.sides for stage in side.stages for path in stage.reach.unreadable}
        for side in self.sides:
            for stage in side.stages:
                found |= {f"{path}:{line} imports by a computed name (`{text}`)" for path, line, text in stage.reach.dynamic}
        return sorted(found)
