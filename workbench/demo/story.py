"""Tells the story: a session on a workspace with planted situations, stopped at a person, signed, landed, served.

Everything in it is what the commands do: the same loop, queue, sign-off, registry and server. What is said at the end is
read back from the session's record.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from workbench.demo.stage import PROPOSAL, REVIEWER, Stage, fresh_place, set_stage
from workbench.errors import Refusal, SignOffRequired, WorkbenchError
from workbench.loop import session
from workbench.repo import Repo
from workbench.review import queue, signoff
from workbench.settings import Settings, load_settings

USE_CASE = "departures"
ANSWER_SECONDS = 30
QUESTION = {"origin": "JFK", "target_hour": "2013-12-20T17:00:00Z"}
ANSWER = "Thrown-away demo key: the labels of the last training days were not known yet; the purge is right."

Say = Callable[[str], None]


@dataclass(frozen=True)
class Told:
    """How the story ended, and where it can be looked at."""

    place: Path
    session: str
    change: str
    version: str
    reviewer: str
    answer: dict[str, object]
    seconds: dict[str, float]

    @property
    def prediction(self) -> float:
        """The served prediction in minutes of delay."""
        return float(str(self.answer["prediction"]))


class Story:
    """One demo. `say` gets the lines for the person who watches; `chapter` announces what comes next."""

    def __init__(self, settings: Settings, say: Say, chapter: Say) -> None:
        self._say = say
        self._chapter = chapter
        self._unsafe = settings.unsafe_no_sandbox
        self.place = fresh_place(settings.state)
        self.seconds: dict[str, float] = {}

    def run(self, sign: Callable[[Settings, str, Path], None] | None = None) -> Told:
        """From the planted workspace to a served prediction. `sign` lets a person decide; without it the throw-away
        reviewer signs, and says so. Raises Refusal where the story doesn't come to its end."""
        with self._timed("setting the stage"):
            stage = set_stage(self.place, self._say)
            settings = load_settings(stage.root, {}, unsafe_no_sandbox=self._unsafe)
        with self._timed("the session, until it is stopped at a person"):
            waiting = session.start(
                settings, USE_CASE, goal="mend what broke, take in the wind feature", proposals=[PROPOSAL], say=self._say
            )
        if waiting.outcome != "waiting" or waiting.change is None:
            raise Refusal(
                f"The story should have stopped at a person, but the session is {waiting.words}: {waiting.reason}",
                f"look at it: workbench -C {stage.root} replay {waiting.session}",
            )
        self._say(f"`workbench run` would end here with exit {int(waiting.code)}; nothing is applied. To review it:")
        self._say(f"  workbench -C {stage.root} review show {waiting.change}")
        with self._timed("the decision"):
            if sign is None:
                self._sign_with_the_thrown_away_key(settings, waiting.change, stage)
            else:
                sign(settings, waiting.change, stage.key)
        with self._timed("landing, building again, registering, promoting"):
            done = session.resume(settings, waiting.session, say=self._say)
        if done.outcome == "waiting":
            raise SignOffRequired("The change was not signed, so nothing was applied.", f"workbench -C {stage.root} review")
        if done.outcome != "released" or done.version is None:
            raise Refusal(
                f"The session is {done.words}: {done.reason}", f"look at it: workbench -C {stage.root} replay {waiting.session}"
            )
        with self._timed("serving"):
            answer = self._ask_the_server(stage.root)
        return Told(stage.root, done.session, waiting.change, done.version, REVIEWER.name, answer, self.seconds)

    def _sign_with_the_thrown_away_key(self, settings: Settings, change: str, stage: Stage) -> None:
        repo = Repo.open(settings.root)
        queued = queue.get(repo, change)
        self._chapter("A person decides")
        self._say(f"the change {change} asks for {queued.decision.requires.approvals} approval(s); its questions:")
        for question in queued.decision.requires.questions:
            self._say(f"  ? {question}")
        self._say(
            "nobody is at this terminal, so a THROW-AWAY REVIEWER KEY, made for this demo, signs. In your workspace: you do."
        )
        answers = [ANSWER for _ in queued.decision.requires.questions]
        signoff.sign(repo, change, verdict="approve", key=stage.key, role="domain", answers=answers, comment="demo")

    def _ask_the_server(self, root: Path) -> dict[str, object]:
        self._chapter("The champion answers")
        with _served(root) as url:
            self._say(f"workbench serve {USE_CASE} answers at {url}")
            request = urllib.request.Request(
                f"{url}/predict", json.dumps(QUESTION).encode(), {"Content-Type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
                    answer: dict[str, object] = json.load(response)
            except urllib.error.HTTPError as error:
                raise Refusal(f"The server answered {error.code}: {error.read(300).decode('utf-8', 'replace')}") from None
            self._say(
                f"POST /predict {json.dumps(QUESTION)} → {answer.get('prediction')} min, by version {answer.get('model_version')}"
            )
            return answer

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        if name != "the decision":
            self._chapter(name[0].upper() + name[1:])
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - begin, 1)


@contextmanager
def _served(root: Path) -> Iterator[str]:
    """A server on loopback for as long as the block lasts; it ends with us, however we end."""
    command = [sys.executable, "-m", "workbench", "-C", str(root), "serve", USE_CASE, "--port", "0", "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield _address(server, server.stdout)
        finally:
            if server.stdin is not None:
                server.stdin.close()
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()


def _address(server: subprocess.Popen[str], out: IO[str] | None) -> str:
    line = out.readline() if out is not None else ""
    try:
        return str(json.loads(line)["url"])
    except (ValueError, KeyError):
        server.kill()
        said = server.stderr.read() if server.stderr is not None else ""
        lines = said.strip().splitlines() or ["it said nothing"]
        raise WorkbenchError(f"The server did not start: {lines[0]}", "try `workbench serve departures` by hand") from None
