"""Makes docs/review.svg, the picture in the README, from the program itself: `python docs/picture.py` (about two minutes).

Nothing in it is drawn by hand: a throw-away workspace, a split change that drops the purge, a real audit of its result, and
the review screen, run without a terminal and exported as it stands. The same sources give the same picture.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workbench.changes import Author, Change, classify
from workbench.demo import plants
from workbench.gates.audit import audit
from workbench.policy import load_policy
from workbench.repo import Identity, Repo
from workbench.review import queue
from workbench.review.gates import GATES, GateEvidence
from workbench.settings import load_settings
from workbench.tui.app import ReviewApp
from workbench.workspace import make_workspace

PICTURE = Path(__file__).resolve().parent / "review.svg"
SIZE = (136, 40)
SESSION = "departures-1"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEAM = Identity("Team", "team@shop.example")
AGENT = Author(name="playbook", email="playbook@agent.invalid", agent=True)
COLLEAGUE = Author(name="ben", email="ben@shop.example")


def make_queue(root: Path, key: Path) -> Repo:
    """A workspace with a reviewer, and three changes that wait; the split change comes with its real gate report."""
    make_workspace(root, example=True)
    reviewers = root / "review_policies" / "reviewers.toml"
    entry = f'[[reviewer]]\nname = "ana"\nidentity = "ana@shop.example"\nroles = ["domain"]\nkey = "{_make_key(key)}"\n'
    reviewers.write_text(reviewers.read_text("utf-8") + entry, "utf-8")
    Repo.ensure(root)
    repo = Repo.open(root)
    base = repo.snapshot(root)
    repo.commit(base, [], "Departures", author=TEAM, ref="refs/heads/main", expect=None, at=NOW)
    split = _planted(repo, root, base, plants.forget_embargo)
    _propose(
        repo, Change(base=base, result=split, author=COLLEAGUE, title="Train on all hours before the test month",
                     words="Six more hours of training data per fold. Still strictly in the order of time."),
        _audited(repo, root, split), 0,
    )  # fmt: skip
    wind = _planted(repo, root, base, plants.propose_weather)
    _propose(repo, Change(base=base, result=wind, author=AGENT, title="Use the wind at the target hour"), None, 1)
    contract = f"{plants.USE_CASE}/contract.toml"
    text = (repo.read_blob(base, contract) or b"").decode()
    lower = repo.write_tree(base, {contract: text.replace("margin = 0.15", "margin = 0.10").encode()})
    _propose(repo, Change(base=base, result=lower, author=AGENT, title="Ask for a smaller margin"), None, 2)
    return repo


def _make_key(path: Path) -> str:
    private = Ed25519PrivateKey.from_private_bytes(b"workbench picture, not a secret!")
    form = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    path.touch(mode=0o600)
    path.write_bytes(private.private_bytes(*form))
    return private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _planted(repo: Repo, root: Path, base: str, plant: Callable[[Path], list[str]]) -> str:
    paths = plant(root)
    tree = repo.snapshot(root)
    for path in paths:
        (root / path).write_bytes(repo.read_blob(base, path) or b"")
    return tree


def _audited(repo: Repo, root: Path, tree: str) -> bytes:
    with tempfile.TemporaryDirectory() as place:
        code = Path(place) / "result"
        repo.checkout(tree, code)
        report = audit(load_settings(root), "departures", root=code, progress=_say)
    return report.model_copy(update={"tree": tree}).model_dump_json().encode()


def _say(text: str) -> None:
    sys.stderr.write(f"  {text}\n")


def _propose(repo: Repo, change: Change, report: bytes | None, minute: int) -> None:
    found = classify(repo, change)
    policy = load_policy(repo, change.base)
    gates = GateEvidence.from_report(report) if report else None
    decision = policy.decide(
        found.risks, author=change.author, use_cases=found.use_cases, size=found.size, findings=gates.findings if gates else ()
    )
    evidence = {GATES: report} if report else {}
    at = NOW + timedelta(minutes=minute)
    queue.propose(repo, change, found, decision, evidence, use_case="departures", session=SESSION, now=at)


async def picture(root: Path, key: Path) -> str:
    """The screen with the first change opened and a verdict drafted, as SVG."""
    app = ReviewApp(load_settings(root, {}), key=key, color=True, clock=_Clock())
    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot.pause, lambda: app.opened is not None)
        await pilot.press("enter", "r", "tab")
        await _until(pilot.pause, lambda: "draft" in app.said)
        return clean(app.export_screenshot(title="workbench review"))


class _Clock:
    """Time that passes quickly, so that no key comes too early."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 10
        return self._now


async def _until(pause: Callable[[], Awaitable[None]], condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        if time.monotonic() > end:
            sys.exit("the screen didn't come up")
        await pause()


def clean(svg: str) -> str:
    """Without fonts from elsewhere, and with names that are the same every time."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas")
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r"[ \t]+\n", "\n", svg).strip() + "\n"


def main() -> None:
    """Writes the picture."""
    with tempfile.TemporaryDirectory() as place:
        root, key = Path(place) / "workspace", Path(place) / "key"
        make_queue(root, key)
        PICTURE.write_text(asyncio.run(picture(root, key)), "utf-8")
    sys.stdout.write(f"{PICTURE}\n")


if __name__ == "__main__":
    main()
