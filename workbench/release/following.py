"""Which version a server answers with, and the hot switch: follows the alias, on record and in the registry.

What is served is what the release history says; an alias that somebody moved past the workbench is shown and not obeyed.
A new version takes over only once it is loaded, verified and has its tables; until then the old one answers, and a
request in flight ends with the version it began with. Not here: HTTP (`serving`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from workbench.errors import Corrupt, Refusal, WorkbenchError
from workbench.release import history, promotion
from workbench.release.approved_code import Checkouts
from workbench.release.online import OnlineModel, World
from workbench.release.registry import Registry
from workbench.settings import Settings

KEPT = 2
"""Versions kept loaded: the present one and the one before, so that a rollback needs no loading."""


class Follower:
    """Holds the model that answers now, and replaces it when the alias moves.

    `model` is read by any thread at any time; `look` is called by one thread at a time.
    """

    def __init__(
        self,
        settings: Settings,
        use_case: str,
        checkouts: Checkouts,
        *,
        alias: str = "champion",
        registry: Registry | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings
        self.use_case = use_case
        self.alias = alias
        self._checkouts = checkouts
        self._say = say or (lambda _: None)
        self._registry = registry or Registry(settings, progress=say)
        self._loaded: dict[int, OnlineModel] = {}
        self._seen: tuple[int, int] | None = None
        self._failed: int | None = None
        self._asked = 0.0
        self.switches = 0
        self.trouble = ""
        """Why what is served isn't what the registry says, in words; empty where all is well."""
        self.model = self._first()

    def look(self, *, registry_every: float = 0.0) -> bool:
        """Switches to another version if the alias was moved; True where it did.

        The history file is looked at each time (one `stat`), the registry at most every `registry_every` seconds.
        """
        state = _stamp(self._settings, self.use_case)
        due = time.monotonic() - self._asked >= registry_every
        if state == self._seen and not due:
            return False
        try:
            wanted = self._wanted()
            self._seen = state
            if wanted is None or wanted == self.model.version.version or (wanted == self._failed and not due):
                return False
            model = self._load(wanted)
        except WorkbenchError as error:
            self._trouble(error.message)
            return False
        self._failed = None
        before, self.model = self.model.version.version, model
        self.switches += 1
        self._keep(before, wanted)
        self._say(f"switched from version {before} to version {wanted}")
        return True

    def _first(self) -> OnlineModel:
        wanted = self._wanted()
        if wanted is None:
            raise Refusal(
                f"{self.use_case} has no {self.alias} to serve.",
                f"promote a version first: `workbench status {self.use_case}` shows what there is",
            )
        self._seen = _stamp(self._settings, self.use_case)
        return self._load(wanted)

    def _wanted(self) -> int | None:
        where = promotion.standing(self._settings, self._registry, self.use_case, self.alias)
        self._asked = time.monotonic()
        if where.moved_outside:
            self._trouble(promotion.moved_outside(self.use_case, where).message if where.recorded is not None else _UNEXPLAINED)
            return where.recorded
        if self._failed is None:
            self.trouble = ""
        return where.actual

    def _load(self, version: int) -> OnlineModel:
        if version in self._loaded:
            return self._loaded[version]
        self._failed = version
        found = self._registry.version(self.use_case, version)
        content = self._registry.read_model(found)
        world = next((m.world for m in self._loaded.values() if m.world.code.tree == found.lineage.code_tree), None)
        if world is None:
            code = self._checkouts.code(self.use_case, found.lineage.code_tree)
            if code.contract.digest != found.lineage.contract_digest:
                raise Corrupt(
                    f"{self.use_case} version {version} was registered with another contract than its code tree has.",
                    "roll back, and register this model again from its session",
                )
            world = World(code, progress=self._say)
        model = self._loaded[version] = OnlineModel(found, content, world)
        self._failed = None
        return model

    def _keep(self, *versions: int) -> None:
        for version in [v for v in self._loaded if v not in versions[-KEPT:]]:
            del self._loaded[version]

    def _trouble(self, words: str) -> None:
        if words != self.trouble:
            self.trouble = words
            self._say(words)


_UNEXPLAINED = "The alias is set in the registry, but no promotion is on record: it isn't served."


class Watch(threading.Thread):
    """Looks for moved aliases in the background, about every `seconds`, or at once after `nudge()`."""

    def __init__(self, follower: Follower, seconds: float) -> None:
        super().__init__(name="alias-watch", daemon=True)
        self._follower = follower
        self._seconds = seconds
        self._wake = threading.Event()
        self._ended = threading.Event()

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                woken = self._wake.wait(self._seconds)
                self._wake.clear()
                if not self._ended.is_set():
                    self._follower.look(registry_every=0.0 if woken else 5 * self._seconds)
        finally:
            if not self._ended.is_set():  # a fault of our own: what is served stays, and /healthz says so
                self._follower.trouble = "The watch for moved aliases has broken down; restart the server."

    def nudge(self) -> None:
        """Looks now; safe to call from a signal handler's callback."""
        self._wake.set()

    def end(self) -> None:
        """Stops looking and waits until a switch that was begun is over."""
        self._ended.set()
        self._wake.set()
        self.join(timeout=10)


def _stamp(settings: Settings, use_case: str) -> tuple[int, int] | None:
    try:
        stat = os.stat(history.path_of(settings, use_case))  # noqa: PTH116
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_size
