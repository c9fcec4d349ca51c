"""Sets the demo's stage: a fresh workspace with its own git repository, a throw-away reviewer, and the planted situations.

What is planted is what a team meets: the upstream tables were migrated, the framework removed an argument, somebody
proposes a feature, and the split has looked right since it was written. How it ends is not planted.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.demo import plants
from workbench.repo import Identity, Repo
from workbench.workspace import make_workspace

OWNER = Identity("Team (demo)", "team@demo.example")
COLLEAGUE = Identity("Colleague (demo)", "colleague@demo.example")
REVIEWER = Identity("Reviewer (demo)", "reviewer@demo.example")
BRANCH = "refs/heads/main"
PROPOSAL = "refs/heads/proposal/weather"


@dataclass(frozen=True)
class Stage:
    """A workspace in which the story can begin."""

    root: Path
    key: Path
    proposal: str
    """The commit that proposes a weather feature."""


def set_stage(place: Path, say: Callable[[str], None]) -> Stage:
    """Makes the workspace below `place` (a directory that is this demo's own)."""
    root = place / "workspace"
    make_workspace(root, example=True)
    Repo.ensure(root)
    repo = Repo.open(root)
    key = place / "throw-away-key"
    _add_reviewer(root, _make_key(key))
    healthy = _commit(repo, root, [], "Departures, as it was released", OWNER, BRANCH)
    say("planted: upstream renamed a column and retyped a time column")
    plants.migrate_upstream(root)
    say("planted: the model code uses an argument that the installed LightGBM removed")
    plants.use_removed_argument(root)
    say("planted: a split in time order whose last training labels aren't known yet")
    plants.forget_embargo(root)
    today = _commit(repo, root, [healthy], "Departures, as it lies today", OWNER, BRANCH)
    changed = plants.propose_weather(root)
    proposal = _commit(repo, root, [today], "Use the wind at the target hour", COLLEAGUE, PROPOSAL)
    say("planted: a colleague proposes a weather feature (branch proposal/weather)")
    _restore(repo, root, today, changed)
    return Stage(root, key, proposal)


def fresh_place(state: Path) -> Path:
    """A new directory for one demo; an earlier one that was killed is left as it is and never read."""
    place = state / "demo" / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
    place.mkdir(parents=True)
    return place


def _commit(repo: Repo, root: Path, parents: Sequence[str], message: str, author: Identity, ref: str) -> str:
    expect = parents[0] if parents and ref == BRANCH else None
    return repo.commit(repo.snapshot(root), list(parents), message, author=author, ref=ref, expect=expect)


def _restore(repo: Repo, root: Path, commit: str, paths: Sequence[str]) -> None:
    tree = repo.tree_of(commit)
    for path in paths:
        content = repo.read_blob(tree, path)
        if content is None:
            (root / path).unlink()
        else:
            (root / path).write_bytes(content)


def _make_key(path: Path) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(text)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return public.decode()


def _add_reviewer(root: Path, public: str) -> None:
    path = root / "review_policies" / "reviewers.toml"
    fields = {"name": REVIEWER.name, "identity": REVIEWER.email, "roles": ["domain", "lead"], "key": public}
    # JSON strings and arrays of strings are valid TOML.
    entry = "\n".join(f"{key} = {json.dumps(value)}" for key, value in fields.items())
    path.write_text(f"{path.read_text('utf-8') if path.exists() else ''}\n[[reviewer]]\n{entry}\n", "utf-8")
