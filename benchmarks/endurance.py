"""Sessions that are killed again and again: what is lost, what is done twice?

A session is started on a small use case with a leaky split, and SIGKILL meets it at a chosen number of writes from its start:
anything that changes a file, starts a program or moves a ref, before it happens, and after each sync to disk. Then two
processes go on with it at once, and one or both of them are killed as well; and so on until it is released. The change in it
is signed by a person as soon as it waits. What was acknowledged before each kill is kept in a log beside the session.

At the end of each chain: no acknowledged event is missing or changed, the record's chain holds, the change was applied once,
one sign-off was made and spent once, one model version is registered, each alias moved once, and each look at the test is
counted once.

    python benchmarks/endurance.py [--kills 200] [--seed 1] [--json]
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "loop")]

from house import LEAKY_SPLIT, USE_CASE, House, make_house  # noqa: E402

from workbench.errors import WorkbenchError  # noqa: E402
from workbench.loop import graph, session  # noqa: E402,F401  (imported before the fork, so that no child pays for it)
from workbench.release import history  # noqa: E402
from workbench.release.registry import Registry  # noqa: E402
from workbench.repo import Repo  # noqa: E402
from workbench.review import ledger, queue, signoff  # noqa: E402
from workbench.sessions.events import line_of  # noqa: E402
from workbench.sessions.header import sha256  # noqa: E402
from workbench.sessions.reader import EVENTS, HEADER, read_session  # noqa: E402
from workbench.sessions.touches import Ledger  # noqa: E402
from workbench.sessions.writer import SessionWriter  # noqa: E402
from workbench.settings import load_settings  # noqa: E402

LIMIT = 900  # seconds that one process may take
_WRITES = {
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "subprocess.Popen",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_QUIET_ENDS = ("waiting", "released")


class Deadly:
    """Counts what this process does to the disk, and kills it at the `after`-th time; tells the log what was acknowledged."""

    def __init__(self, after: int | None, log: Path) -> None:
        self._left = after
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.count = 0

    def arm(self) -> None:
        """From here on; never undone, since only children that end are armed."""
        sys.addaudithook(self._heard)
        sync, append = os.fsync, SessionWriter.append

        def synced(descriptor: int) -> None:
            self.meet("before fsync")
            sync(descriptor)
            self.meet("after fsync")

        def appended(writer: SessionWriter, event: object) -> object:
            written = append(writer, event)  # type: ignore[arg-type]
            self.say({"seq": written.seq, "line": sha256(line_of(written))})
            self.meet(f"after the event {written.kind}")
            return written

        os.fsync = synced
        SessionWriter.append = appended  # type: ignore[method-assign, assignment]

    def say(self, fact: dict[str, object]) -> None:
        """One line in the log, in one write."""
        os.write(self._log, (json.dumps(fact) + "\n").encode())

    def meet(self, what: str) -> None:
        """One more moment at which a kill may come."""
        self.count += 1
        if self._left is not None and self.count >= self._left:
            self._left = None
            self.say({"killed": what, **_where()})
            os.kill(os.getpid(), signal.SIGKILL)

    def _heard(self, event: str, args: tuple[object, ...]) -> None:
        if event in _WRITES:
            self.meet(f"before {event}")
        elif event == "open" and isinstance(args[2], int) and args[2] & _WRITING:
            self.meet("before open for writing")


def _where() -> dict[str, str]:
    """The node of the loop, and the innermost function of workbench, that are at work."""
    node, place, frame = "between nodes", "", sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if "/workbench/" in name:
            place = place or f"{name.rpartition('/workbench/')[2]}:{frame.f_code.co_name}"
            if name.endswith("/loop/graph.py") and frame.f_code.co_name == "run":
                node = str(frame.f_locals.get("name", node))
        frame = frame.f_back  # type: ignore[assignment]
    return {"node": node, "where": place or "a library"}


@dataclass
class Chain:
    """One session from its start to its release, with every kill on the way."""

    house: House
    log: Path
    dice: random.Random
    longest: int = 400
    """Writes of the longest process so far: a kill comes at any of them, at early ones more often."""
    signed: list[str] = field(default_factory=list)
    kills: list[dict[str, str]] = field(default_factory=list)
    processes: int = 0
    wrong: list[str] = field(default_factory=list)

    def run(self, kills: int) -> None:
        """At least to the release; kills are over when `kills` of them have met a process, or when it is released."""
        rounds = 0
        while self._outcome() != "released":
            rounds += 1
            if rounds > 40 + 3 * kills:
                self.wrong.append(f"not released after {rounds} rounds: {self._outcome()}")
                return
            left = kills - len(self.kills)
            count = 1 if self._name() is None else 2
            armed = [left > number and self.dice.random() < 0.9 for number in range(count)]
            self._go(
                [self.dice.randint(1, self.longest // self.dice.choice((1, 4, 8, 16))) if deadly else None for deadly in armed]
            )
            self._sign()
        self.wrong += judged(self.house, self._name() or "", self.log, self.signed)

    def _go(self, points: list[int | None]) -> None:
        before = len(self._facts())
        children = [self._fork(point) for point in points]
        self.processes += len(children)
        deadline = time.monotonic() + LIMIT
        while children:
            for child in list(children):
                found, status = os.waitpid(child, os.WNOHANG)
                if found:
                    children.remove(child)
                    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
                        self.wrong.append(f"a process ended with {os.WEXITSTATUS(status)}: {self._last_words()}")
            if time.monotonic() > deadline:
                for child in children:
                    os.kill(child, signal.SIGKILL)
                self.wrong.append(f"a process was not done after {LIMIT} s")
            time.sleep(0.01)
        new = self._facts()[before:]
        self.kills += [fact for fact in new if "killed" in fact]
        self.longest = max([self.longest, *(int(fact["writes"]) for fact in new if "writes" in fact)])

    def _fork(self, after: int | None) -> int:
        name = self._name()
        sys.stdout.flush()
        child = os.fork()
        if child:
            return child
        code = 70
        with contextlib.suppress(BaseException), (self.log.with_suffix(".err")).open("a") as errors:
            os.dup2(errors.fileno(), 2)
            deadly = Deadly(after, self.log)
            deadly.arm()
            try:
                settings = load_settings(self.house.root, {})
                session.resume(settings, name) if name else session.start(settings, USE_CASE)
            except WorkbenchError as error:
                # The other one has the session, or has just ended it: that is an answer, not a fault.
                deadly.say({"refused": f"{type(error).__name__}: {error.message}"})
            deadly.say({"writes": deadly.count})
            code = 0
        os._exit(code)

    def _name(self) -> str | None:
        found = [path.parent.name for path in (self.house.root / session.PLACE).glob(f"*/{HEADER}")]
        if len(found) > 1:
            self.wrong.append(f"{len(found)} sessions instead of one")
        return found[0] if found else None

    def _outcome(self) -> str | None:
        name = self._name()
        return read_session(self.house.root / session.PLACE / name).outcome if name else None

    def _facts(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def _last_words(self) -> str:
        path = self.log.with_suffix(".err")
        return path.read_text()[-600:] if path.exists() else ""

    def _sign(self) -> None:
        for waiting in queue.pending(self.house.repo):
            if waiting.id not in self.signed and self.dice.random() < 0.5:
                answers = ["As the domain has it." for _ in waiting.decision.requires.questions]
                signoff.sign(self.house.repo, waiting.id, verdict="approve", key=self.house.key, role="domain", answers=answers)
                self.signed.append(waiting.id)


def judged(house: House, name: str, log: Path, signed: list[str]) -> list[str]:
    """Everything that is wrong with the world after a chain."""
    wrong = []
    directory = house.root / session.PLACE / name
    record = read_session(directory)  # raises where the chain doesn't hold
    lines = (directory / EVENTS).read_bytes().splitlines()
    for fact in (json.loads(line) for line in log.read_text().splitlines()):
        if "seq" in fact and (fact["seq"] > len(lines) or sha256(lines[fact["seq"] - 1]) != fact["line"]):
            wrong.append(f"the acknowledged event {fact['seq']} is gone or other than it was")
    kinds = [entry.kind for entry in ledger.entries(house.repo)]
    if kinds != ["applying", "applied"]:
        wrong.append(f"the ledger says {kinds}")
    if len(house.repo.chain(house.head)) != 2:
        wrong.append(f"{len(house.repo.chain(house.head))} commits on the branch instead of 2")
    if len(signed) != 1 or len(ledger.spent(ledger.entries(house.repo))) != 1:
        wrong.append(f"signed {signed}, spent {ledger.spent(ledger.entries(house.repo))}")
    registry = Registry(house.settings)
    if registry.numbers(USE_CASE) != [1] or registry.aliases(USE_CASE) != {"champion": 1, "staging": 1}:
        wrong.append(f"versions {registry.numbers(USE_CASE)}, aliases {registry.aliases(USE_CASE)}")
    moves = collections.Counter(flip.alias for flip in history.flips(history.read(house.settings, USE_CASE)).flips)
    if moves != {"staging": 1, "champion": 1}:
        wrong.append(f"moves of aliases: {dict(moves)}")
    looks = Ledger(house.settings.state, USE_CASE).looks()
    if len({look.evaluation for look in looks}) != len(looks):
        wrong.append(f"{len(looks)} looks at the test, {len({look.evaluation for look in looks})} evaluations")
    if sum(event.kind == "ended" and event.outcome == "released" for event in record.events) != 1:
        wrong.append("it was not released once")
    return wrong


@contextlib.contextmanager
def template() -> Iterator[Path]:
    """A workspace in which the same session ran before: what it computed is cached, so that kills meet the loop's own work."""
    with tempfile.TemporaryDirectory(prefix="endurance-") as place:
        base = Path(place)
        (base / "template").mkdir()
        make_house(base / "template", LEAKY_SPLIT)
        rehearsal = base / "rehearsal"
        shutil.copytree(base / "template", rehearsal, symlinks=True)
        warm = Chain(opened(rehearsal), base / "rehearsal.log", random.Random(0))
        warm.run(0)
        Chain.longest = warm.longest
        if warm.wrong:
            raise SystemExit(f"it goes wrong without any kill: {warm.wrong}")
        state = rehearsal / "workspace" / ".workbench"
        shutil.copytree(state / "cache", base / "template" / "workspace" / ".workbench" / "cache", symlinks=True)
        yield base


def opened(place: Path) -> House:
    """The house that lies in `place` already."""
    root = place / "workspace"
    return House(root, place / "key", load_settings(root, {}), Repo.open(root))


def main() -> None:
    """Chains until enough kills have met a process; a table of where they met it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chain", type=int, default=20, help="kills in one session at most")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    kills: list[dict[str, str]] = []
    wrong: list[str] = []
    sessions = processes = 0
    begin = time.monotonic()
    with template() as base:
        while len(kills) < args.kills and not wrong:
            sessions += 1
            place = base / f"chain-{sessions}"
            shutil.copytree(base / "template", place, symlinks=True)
            house = opened(place)
            chain = Chain(house, base / f"chain-{sessions}.log", random.Random(args.seed * 1000 + sessions))
            chain.run(min(args.chain, args.kills - len(kills)))
            kills, wrong, processes = kills + chain.kills, wrong + chain.wrong, processes + chain.processes
            print(
                f"session {sessions}: {len(chain.kills)} kills, {len(kills)} in all, {time.monotonic() - begin:.0f} s",
                file=sys.stderr,
            )
            if not wrong:
                shutil.rmtree(place)
    places = collections.Counter((kill["node"], kill["where"], kill["killed"]) for kill in kills)
    report = {
        "kills": len(kills), "sessions": sessions, "processes": processes, "wrong": wrong, "distinct": len(places),
        "nodes": dict(collections.Counter(kill["node"] for kill in kills)),
        "moments": dict(collections.Counter(kill["killed"] for kill in kills)),
    }  # fmt: skip
    if args.json:
        print(json.dumps(report, indent=1))
    else:
        print(f"{len(kills)} kills at {len(places)} different places in {sessions} sessions and {processes} processes")
        for name in ("nodes", "moments"):
            print(
                f"  {name}: " + ", ".join(f"{key} {count}" for key, count in sorted(report[name].items(), key=lambda kv: -kv[1]))
            )
        print("nothing lost, nothing doubled" if not wrong else "\n".join(wrong))
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
