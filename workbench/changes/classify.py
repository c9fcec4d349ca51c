"""A change → its risks, by the static key: what changed, compared by meaning, and which stage, test or check can reach it.

Never says "safe" of what it does not understand. The effect key (running base and result) is in `effect.py`; both together
are in `judge.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.changes import files
from workbench.changes.bytecode import judge_bytecode
from workbench.changes.contracts import contract_risks, is_contract
from workbench.changes.model import Change, Classification, Risk, RiskKind, change_size, ordered, shown_path
from workbench.changes.names import collisions, name_risks
from workbench.changes.places import INSTALLED, Place, place_of, top_level_module
from workbench.changes.python import judge_python
from workbench.changes.reach import module_name
from workbench.changes.scene import Scene
from workbench.changes.secrets import secret_risks
from workbench.changes.tests import judge_tests
from workbench.changes.unreached import judge_unreached
from workbench.repo import EXECUTABLE, FILE, SUBMODULE, SYMLINK, Entry, Repo

MOST_FILES = 2_000
MOST_LINES = 20_000
MOST_BYTES = 2_000_000
"""Beyond these a change (or, for bytes, one file of it that isn't data) is more than anyone can look at: `unknown`."""

_AHEAD = 50_000
"""Changed files up to this many bytes are read all at once."""

_BY_PLACE: dict[Place, tuple[RiskKind, str]] = {
    "policy": (RiskKind.POLICY, "decides who must agree to a change"),
    "skill": (RiskKind.SKILL, "what the loop can do, and how"),
    "workbench": (RiskKind.GATE, "part of the checks themselves"),
    "gate": (RiskKind.GATE, "configures or runs checks"),
    "dependency": (RiskKind.DEPENDENCY, "decides which other code is installed"),
    "deployment": (RiskKind.DEPLOYMENT, "decides what runs in production, and how"),
    "startup": (RiskKind.UNKNOWN, "Python runs it at every start, before anything else"),
    "conftest": (RiskKind.UNKNOWN, "pytest runs it before every test"),
    "script": (RiskKind.UNKNOWN, "can be started by itself, and nothing says what it does"),
    "unknown": (RiskKind.UNKNOWN, "no kind of file that is known here"),
}
_AND_GATE = frozenset({"conftest"})
_UNDELIVERABLE = re.compile(r"(?:^|/)(?:\.{1,2}|\.git|git~\d+|)(?:/|$)|[\\\0]|^/|^[A-Za-z]:", re.IGNORECASE)


def classify(repo: Repo, change: Change, *, static_only: bool = True) -> Classification:
    """The risks of `change`, found by comparing its two trees; deterministic in the trees alone.

    `static_only` says so; both keys together are `judge`.
    """
    scene = Scene(repo, change)  # reads all trees at once, so that comparing them asks no more
    differences = repo.diff(change.base, change.result)
    sizes = repo.sizes(entry.id for _, *pair in differences for entry in pair if entry and entry.mode != SUBMODULE)
    small = [entry.id for _, *pair in differences for entry in pair if entry and sizes.get(entry.id, MOST_BYTES) <= _AHEAD]
    repo.hold(small[:MOST_FILES])
    risks: list[Risk] = []
    size = 0
    for path, old, new in differences:
        found, lines = _judge(scene, path, old, new, sizes)
        risks += found
        size += lines
    added = [path for path, old, new in differences if old is None and new is not None]
    risks += collisions(added, repo.list_tree(change.result) if added else ())
    if len(differences) > MOST_FILES or size > MOST_LINES:
        reason = f"{len(differences)} files and {size} lines are more than anyone can look at in one go"
        risks.append(Risk(kind=RiskKind.UNKNOWN, path="", reason=reason))
    undeliverable = [shown_path(path) for path, _, new in differences if new is not None and _UNDELIVERABLE.search(path)]
    named = {risk.use_case for risk in risks if risk.use_case}
    return Classification(
        digest=change.digest, risks=ordered(risks), use_cases=sorted(named), size=size, undeliverable=undeliverable
    )  # fmt: skip


def _judge(scene: Scene, path: str, old: Entry | None, new: Entry | None, sizes: dict[str, int]) -> tuple[list[Risk], int]:
    special = list(_special(path, old, new))
    if any(entry is not None and entry.mode not in (FILE, EXECUTABLE) for entry in (old, new)):
        return special, 1
    place = place_of(path)
    largest = max((sizes.get(entry.id, 0) for entry in (old, new) if entry is not None), default=0)
    if largest > MOST_BYTES:
        risks = [*special, *files.judge_named(scene, path)]
        if place == "data":
            return [*risks, *files.judge_data(scene, path, None if new is None else b"", is_new=old is None)], 1
        reason = f"{largest} bytes are more than is compared here"
        return [*risks, Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason=reason)], 1
    before, after = scene.content(old), scene.content(new)
    risks = [*special, *secret_risks(path, before, after)]
    if before != after:
        risks += _content(scene, path, place, before, after)
        if new is not None and new.mode == EXECUTABLE and old is None and place not in ("gate", "script", "unknown"):
            risks.append(Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason="can be started by itself (executable)"))
    return risks, 0 if place == "data" else change_size(before, after)


def _special(path: str, old: Entry | None, new: Entry | None) -> Iterator[Risk]:
    """Links, submodules, changes of mode or type, and names that stand in front of an installed module."""
    place = shown_path(path)
    modes = [entry.mode for entry in (old, new) if entry is not None]
    if new is not None:
        yield from name_risks(path)
    if SUBMODULE in modes:
        yield Risk(kind=RiskKind.UNKNOWN, path=place, reason="a submodule: its content is not part of this repository")
    if SYMLINK in modes:
        yield Risk(kind=RiskKind.UNKNOWN, path=place, reason="a symbolic link: what it leads to is not part of the change")
    if len(modes) == 2 and modes[0] != modes[1] and not {SUBMODULE, SYMLINK} & set(modes):
        yield Risk(
            kind=RiskKind.UNKNOWN,
            path=place,
            reason=f"its mode changes from {modes[0]} to {modes[1]} (whether it can be started)",
        )


def _content(scene: Scene, path: str, place: Place, before: bytes | None, after: bytes | None) -> list[Risk]:
    risks = list(_shadowing(scene, path, before, after))
    if is_contract(path):
        return [*risks, *contract_risks(path, before, after)]
    if place == "bytecode":
        return [*risks, *judge_bytecode(scene, path, after)]
    if path.endswith(".py"):
        return [*risks, *_python(scene, path, place, before, after)]
    if place in _BY_PLACE:
        kind, reason = _BY_PLACE[place]
        return [*risks, Risk(kind=kind, path=shown_path(path), reason=reason), *files.judge_named(scene, path)]
    return [*risks, *_other(scene, path, place, before, after)]


def _other(scene: Scene, path: str, place: Place, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    shown = shown_path(path)
    if place == "pyproject":
        yield from files.judge_pyproject(path, before, after)
    elif place == "settings":
        yield from files.judge_settings(path, before, after)
    elif place == "test":
        yield from judge_tests(scene, path, before, after)
        yield from files.judge_named(scene, path)
    elif place == "session":
        kind = RiskKind.TEST if before is None else RiskKind.GATE
        yield Risk(kind=kind, path=shown, reason="a recorded session, against which replays are checked")
    elif place == "data":
        yield from files.judge_data(scene, path, after, is_new=before is None)
    elif place == "pointer":
        yield Risk(kind=RiskKind.DATA, path=shown, reason="points to data that lies elsewhere")
        yield Risk(kind=RiskKind.UNKNOWN, path=shown, reason="a pointer to content that was not looked at")
    elif place == "image":
        yield from files.judge_image(scene, path, after)
    elif files.is_binary(before) or files.is_binary(after):
        yield Risk(kind=RiskKind.UNKNOWN, path=shown, reason="not text in UTF-8; what it is or does is not known")
        yield from files.judge_named(scene, path)
    elif place == "notebook":
        yield from files.judge_notebook(path, before, after)
    elif place == "docs":
        yield from files.judge_docs(scene, path, before, after)
    elif place == "environment":
        yield Risk(kind=RiskKind.UNKNOWN, path=shown, reason="sets the environment that code runs in")
        yield Risk(kind=RiskKind.DEPLOYMENT, path=shown, reason="sets the environment that code runs in")
    else:
        yield from files.judge_config(scene, path, before, after)


def _python(scene: Scene, path: str, place: Place, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    judged = judge_python(scene, path, before, after)
    yield from judged.risks
    yield from files.judge_named(scene, path)
    wording = {risk.kind for risk in judged.risks} <= {RiskKind.DOCS, RiskKind.FORMAT} and judged.risks and not judged.unreached
    if wording and place not in ("policy", "startup", "conftest"):
        return
    if place == "test":
        yield from judge_tests(scene, path, before, after)
    elif place in _BY_PLACE:
        kind, reason = _BY_PLACE[place]
        yield Risk(kind=kind, path=shown_path(path), reason=reason)
        if place in _AND_GATE:
            yield Risk(kind=RiskKind.GATE, path=shown_path(path), reason=reason)
    elif judged.unreached:
        yield from judge_unreached(scene, path, judged.unreached, before, after)


def _shadowing(scene: Scene, path: str, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """A module of the workspace that newly stands in front of an installed one of the same name."""
    name = top_level_module(path)
    if name is None or after is None:
        return
    was_local = scene.base.code.is_local(name)
    if name in INSTALLED and not (was_local and before is not None):
        reason = f"`{name}` would be imported from here instead of from the installed package of that name"
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), symbol=name, reason=reason)
    elif not was_local and name in scene.base.imported:
        reason = f"stages import `{name}`, which was not in the workspace before: it would come from here now"
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), symbol=name, reason=reason)
    elif before is None and module_name(path) in {found for side in scene.base.stages for found in side.reach.modules}:
        reason = f"stands in front of the module that was `{module_name(path)}` before"
        yield Risk(kind=RiskKind.UNKNOWN, path=shown_path(path), reason=reason)
