"""A step in a person's hands: a directory of their own to edit in, and what they hand back as a tree.

The directory holds exactly the session's tree, with the workspace's data linked in. It lies in the state directory, where no
stage code and no agent reaches it, and is gone once what it holds is on record.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from workbench.errors import UsageError
from workbench.loop.control import Inbox, Instruction, Person, Taken, instruction, taken_in
from workbench.pipeline.checkouts import check_out
from workbench.repo import Repo
from workbench.repo.objects import SYMLINK
from workbench.sessions.reader import Session
from workbench.settings import Settings

FOLDER = "taken"


def place_of(session: str, step: int) -> str:
    """Where a take-over at that step is edited, below the state directory."""
    return f"{FOLDER}/{session}-{step}"


def make_place(settings: Settings, taken: Taken) -> Path:
    """The directory with the tree that was taken over; made if it isn't there yet, whole or not at all."""
    place = settings.state / taken.place
    if not place.is_dir():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = place.with_name(f".{place.name}-{uuid.uuid4().hex[:8]}")
        check_out(settings, taken.tree, fresh)
        fresh.chmod(0o700)
        os.replace(fresh, place)  # noqa: PTH105 (fails rather than overwrites what a person has begun to edit)
    return place


def tree_of_place(settings: Settings, repo: Repo, taken: Taken) -> str:
    """What the person's directory holds now, as a tree; data that was linked in and ignored files are no part of it.

    Raises UsageError where the directory is gone, or holds what a tree can't.
    """
    place = settings.state / taken.place
    if not place.is_dir():
        raise UsageError(f"{place} is not there any more.", "take the step over again")
    before = repo.list_tree(taken.tree)
    plain = repo.list_tree(repo.snapshot(place))
    whole = repo.list_tree(repo.snapshot(place, include_ignored=True))
    files = {
        path: entry
        for path, entry in whole.items()
        # A file of the tree that an ignore rule names is still a file of the tree.
        if (path in plain or path in before) and not (path in settings.data and entry.mode == SYMLINK and path not in before)
    }
    return repo.tree_from(files)


def remove_place(settings: Settings, repo: Repo, taken: Taken, handed: str) -> None:
    """Removes the directory once it is on record; one that was edited further since is left to the person."""
    place = settings.state / taken.place
    try:
        as_handed = tree_of_place(settings, repo, taken) == handed
    except UsageError:
        return
    if as_handed:
        shutil.rmtree(place, ignore_errors=True)


def hand_back(settings: Settings, session: Session, person: Person, text: str = "") -> Instruction:
    """Puts what the person's directory holds now into the session's inbox, as a tree by that person.

    Raises UsageError where nothing is taken over or the directory can't be taken in.
    """
    taken = taken_in(session)
    if taken is None:
        raise UsageError(f"In the session {session.header.id} nothing is taken over.", "take a step over first: --take-over")
    with Repo.open(settings.root) as repo:
        tree = tree_of_place(settings, repo, taken)
    given = instruction("hand-back", text, person=person, tree=tree)
    return Inbox(settings.state, session.header.id).post(given)
