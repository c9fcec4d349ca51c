"""One turn of the `claude` driver on a real workspace and a real session, without the loop around it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from house import MAIN, USE_CASE, House

from workbench.loop.context import LoopContext
from workbench.loop.drivers import load_driver
from workbench.loop.drivers.answers import Answer
from workbench.loop.turn import Failure, Left, Turn
from workbench.sessions.events import ModelCall
from workbench.sessions.header import SessionHeader
from workbench.sessions.reader import Session, read_session
from workbench.sessions.writer import SessionWriter
from workbench.settings import Settings, load_settings
from workbench.testing_model import ScriptedModel

MODEL, SPLIT = "pipelines/visits/model.py", "pipelines/visits/split.py"
FAILED = Failure("build", "f" * 16, {"error": {"stage": "fit", "message": "name 'thirty' is not defined", "detail": "Traceback"}})
_NUMBERS = itertools.count(1)


@dataclass
class Held:
    """One turn that can be taken: `driver()` answers it; `events` is what was recorded."""

    ctx: LoopContext
    turn: Turn

    def take(self, driver: str = "claude") -> Answer:
        return load_driver(driver, self.ctx.settings)(self.turn)

    @property
    def session(self) -> Session:
        return read_session(self.ctx.writer.directory)

    @property
    def calls(self) -> list[ModelCall]:
        return [event for event in self.session.events if isinstance(event, ModelCall)]

    def blob(self, sha: str) -> Any:
        return json.loads(self.session.blob(sha))


def hold(house: House, model: ScriptedModel, *, claude: Mapping[str, Any] | None = None, loop: Mapping[str, Any] | None = None,
         said: list[str] | None = None, words: list[str] | None = None, **turn: Any) -> Held:  # fmt: skip
    """A turn in a new session; `claude` and `loop` are settings, what else is given is the turn's."""
    settings = _settings(house, model, claude or {}, loop or {})
    number = next(_NUMBERS)
    header = SessionHeader(
        id=f"2026-11-20-visits-{number:04}", use_case=USE_CASE, base=house.head, driver="claude", goal=turn.get("goal", ""),
        workbench="0", created="2026-11-20T00:00:00+00:00", skills={},
    )  # fmt: skip
    writer = SessionWriter.create(house.root / "sessions" / header.id, header, secrets=settings.secrets)
    ctx = LoopContext(settings, house.repo, writer, lambda turn: None, USE_CASE, MAIN)  # type: ignore[arg-type,return-value]
    ctx.say = (said if said is not None else []).append
    ctx.words = (words if words is not None else []).append
    left = Left(steps=9, seconds=settings.loop.wall_seconds, tokens=settings.loop.max_tokens, cost=settings.loop.max_cost)
    given = {"failure": FAILED, "use_case": USE_CASE, "tree": house.repo.tree_of(house.head), "step": 3, "left": left, **turn}
    return Held(ctx, Turn(ctx=ctx, **given))


def again(held: Held) -> Held:
    """The same turn of the same session, taken up by another process after a kill."""
    held.ctx.writer.abandon()
    ctx = replace(held.ctx, writer=SessionWriter.resume(held.ctx.writer.directory))
    return Held(ctx, replace(held.turn, ctx=ctx))


def _settings(house: House, model: ScriptedModel, claude: Mapping[str, Any], loop: Mapping[str, Any]) -> Settings:
    found = load_settings(house.root, model.environment)
    return found.model_copy(
        update={"claude": found.claude.model_copy(update=dict(claude)), "loop": found.loop.model_copy(update=dict(loop))}
    )


__all__ = ["FAILED", "MODEL", "SPLIT", "Held", "Path", "again", "hold"]
