"""A small workspace in git in which the loop can run: the `visits` use case, every skill, the policies, one reviewer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workbench.repo import Identity, Repo
from workbench.settings import Settings, load_settings
from workbench.testing import USE_CASE, add_skills, make_workspace

SOURCE = Path(__file__).resolve().parents[2]
SKILLS = ("audit", "build", "explain", "migrate", "upgrade", "deleak", "resplit", "register", "promote")
OWNER = Identity("Owner", "owner@shop.example")
MAIN = "refs/heads/main"
LEAKY_SPLIT = {"pipelines/visits/split.py": ('pd.Timedelta("25h")', 'pd.Timedelta("1h")')}
"""In order of time, train before test; but the last training labels aren't known when the first prediction is made."""


@dataclass(frozen=True)
class House:
    root: Path
    key: Path
    settings: Settings
    repo: Repo

    @property
    def head(self) -> str:
        return self.repo.resolve(MAIN)


def make_house(place: Path, edits: Mapping[str, tuple[str, str]] | None = None) -> House:
    root = make_workspace(place / "workspace", edits)
    add_skills(root, SOURCE / "skills", *SKILLS)
    shutil.copytree(SOURCE / "review_policies", root / "review_policies")
    (root / ".gitignore").write_text(".workbench/\n__pycache__/\n/data/\n")
    key = place / "key"
    (root / "review_policies" / "reviewers.toml").write_text(_reviewer(key))
    Repo.ensure(root)
    repo = Repo.open(root)
    repo.commit(repo.snapshot(root), [], "start", author=OWNER, ref=MAIN, expect=None)
    return House(root, key, load_settings(root, {}), repo)


def _reviewer(key: Path) -> str:
    private = Ed25519PrivateKey.generate()
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    )
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    fields = {"name": "Ana", "identity": "ana@shop.example", "roles": ["domain", "lead"], "key": public}
    return "[[reviewer]]\n" + "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields.items()) + "\n"


__all__ = ["LEAKY_SPLIT", "MAIN", "USE_CASE", "House", "make_house"]
