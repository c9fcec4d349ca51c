"""The world of a session: a workspace in which every tree, commit, queue entry and sign-off that it refers to is there.

That is the person's own repository, or, where the session carries its objects (`objects.bundle`), a scratch workspace made from
them in the state directory. In both it is only looked at: what a check writes goes to the scratch workspace.
"""

from __future__ import annotations

import fcntl
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import Corrupt, Refusal, UsageError
from workbench.repo import Repo, read_bundle, scratch_repository, take_in, write_bundle
from workbench.review import queue, signoff
from workbench.sessions.reader import Session
from workbench.settings import Settings

PACK = "objects.bundle"
BASE = "refs/workbench/bases/"
APPLIED = "refs/workbench/applied/"
KEPT = "refs/workbench/sessions/"
_CACHE = "cache"


@dataclass(frozen=True)
class World:
    """`settings` are those of the workspace in which the session's trees can be checked out, `repo` is its repository.

    `carried` is true where the objects came with the session; `known` where the person's own repository has its base commit,
    and so something that the session can be held against.
    """

    settings: Settings
    repo: Repo
    carried: bool
    known: bool


@contextmanager
def open_world(settings: Settings, session: Session, *, fresh: bool = False) -> Iterator[World]:
    """The session's world while it is open. `fresh` makes a new scratch workspace, with nothing kept from earlier ones.

    Raises UsageError where a pack builds on commits that this clone lacks, Corrupt for a broken pack.
    """
    path = session.directory / PACK
    carried = path.is_file()
    with ExitStack() as stack:
        own = stack.enter_context(Repo.open(settings.root))
        known = _has(own, session.header.base)
        if not carried and not fresh:
            yield World(settings, own, False, known)
            return
        if fresh:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="workbench-replay-"))) / "world"
        else:
            place = settings.state / "replay" / hashlib.sha256(path.read_bytes()).hexdigest()[:24]
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.with_name(f".{place.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            repo = stack.enter_context(_filled(place, own, path if carried else None))
        yield World(_moved(settings, place, fresh=fresh), repo, carried, known)


@contextmanager
def at_base(settings: Settings, world: World, place: Path, *, branch: str = "nothing") -> Iterator[tuple[Settings, Repo]]:
    """A workspace of its own at `place`, in which nothing of the session has happened yet: its objects, and no refs."""
    with scratch_repository(place, borrow=world.repo, branch=branch) as repo:
        yield _moved(settings, place, fresh=True), repo


def _has(repo: Repo, commit: str) -> bool:
    try:
        repo.commit_of(commit)
    except Corrupt:
        return False
    return True


def _filled(place: Path, own: Repo, path: Path | None) -> Repo:
    """A scratch repository with the pack's objects and refs, or, without a pack, those of the person's own repository."""
    if path is None:
        repo = scratch_repository(place, borrow=own)
        for name, commit in own.refs("refs/workbench").items():
            repo.update_ref(name, commit, None)
        return repo
    bundle = read_bundle(path)
    repo = scratch_repository(place, borrow=own if bundle.needs else None)
    if any(repo.refs("refs/").get(name) != commit for name, commit in bundle.refs.items()):
        take_in(repo, path, bundle)
    return repo


def _moved(settings: Settings, place: Path, *, fresh: bool) -> Settings:
    """The settings of a workspace at `place`: the same data, and the same cache unless it is to be fresh."""
    state = place / settings.state.name
    state.mkdir(exist_ok=True)
    links = [(place / name, settings.root / name) for name in settings.data if (settings.root / name).is_dir()]
    if not fresh:
        (settings.state / _CACHE).mkdir(parents=True, exist_ok=True)
        links.append((state / _CACHE, settings.state / _CACHE))
    for link, target in links:
        if not link.is_symlink():
            link.symlink_to(target.resolve(), target_is_directory=True)
    read = tuple(str((settings.root / path).resolve()) for path in settings.sandbox.read)
    return settings.model_copy(update={"root": place, "sandbox": settings.sandbox.model_copy(update={"read": read})})


def pack(settings: Settings, session: Session, *, whole: bool = False) -> Path:
    """Writes everything in git that the session refers to beside it, so that it replays from any clone; returns the file.

    It builds on the session's base commit, which the branch brings along; with `whole` it holds that, too. Raises UsageError
    where this clone lacks something, Refusal for a session that carries its objects already but was recorded elsewhere.
    """
    path = session.directory / PACK
    base = session.header.base
    with Repo.open(settings.root) as repo:
        if not _has(repo, base):
            if path.is_file():
                raise Refusal(f"The session {session.header.id} was recorded elsewhere and carries its objects already.")
            raise UsageError(f"This clone lacks the commit {base[:12]}, which the session began from.", "fetch its branch")
        refs = {f"{BASE}{session.header.id}": base} if whole else {}
        refs |= _referred(repo, session)
        write_bundle(repo, path, refs, without=[] if whole else [base])
    return path


def _referred(repo: Repo, session: Session) -> dict[str, str]:
    """Full name → commit of every ref that the session's events need."""
    known = repo.refs("refs/workbench")
    kept = f"{KEPT}{session.header.id}"
    found = {kept: known[kept]} if kept in known else {}
    for event in session.events:
        change = getattr(event, "change", None)
        if event.kind in ("queued", "decided", "applied") and isinstance(change, str):
            name = f"{queue.PREFIX}{change}"
            if name not in known:
                raise UsageError(f"This clone lacks the queued change {change}.", "fetch refs/workbench/* from where it was made")
            found[name] = known[name]
            signed = f"{signoff.PREFIX}{change}/"
            found |= {ref: commit for ref, commit in known.items() if ref.startswith(signed)}
        if event.kind == "applied":
            found[f"{APPLIED}{event.change}"] = event.commit
    return found
