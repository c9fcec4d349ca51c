"""Who sits at this terminal, as git knows them: they are the author of what they edit, and so can't sign it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from workbench.errors import UsageError
from workbench.loop.control import Person
from workbench.settings import Settings


def person(settings: Settings, environment: Mapping[str, str] | None = None) -> Person:
    """Name and e-mail by git's own rules (environment, then configuration), and the public key where one is set."""
    environment = os.environ if environment is None else environment
    name = environment.get("GIT_AUTHOR_NAME") or _configured(settings.root, "user.name")
    email = environment.get("GIT_AUTHOR_EMAIL") or _configured(settings.root, "user.email")
    return Person(name=name or email.partition("@")[0], email=email, key=_public_key(settings))


def _configured(root: Path, name: str) -> str:
    done = subprocess.run(["git", "-C", str(root), "config", "--get", name], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _public_key(settings: Settings) -> str:
    from workbench.review import sshsig

    path = Path(settings.review.key).expanduser() if settings.review.key else None
    if path is None or not path.is_file():
        return ""
    try:
        return sshsig.public_line(sshsig.public_blob(path))
    except UsageError:
        return ""
