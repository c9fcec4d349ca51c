"""What a skill declares that it needs, in words with one meaning each, and the confinement that grants just that.

The words stand in the front matter (`metadata.reads`, `writes`, `network`, `seconds`); an unknown one is an error, so that a
skill never gets more than a reader of its front matter sees. Who confines is `confined.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from workbench.sandbox import Confinement, hidden_in
from workbench.settings import Settings, tracking_credentials

READS = {
    "code": "the code tree that it works on, with the workspace's data directories and `sandbox.read`",
    "registry": "the embedded model registry and the release history",
    "history": "git's objects and refs of the workspace, sign-offs among them",
}
WRITES = {
    "cache": "results of stages kept by their content, and directories for trials; nothing that a person reads",
    "registry": "the model registry and the release history",
}
NETWORK = {"registry": "the tracking server that the settings name, by its port"}
SECONDS = 900.0
"""How long a skill may take that doesn't say it."""

# What skills said before their words had one meaning; such versions come back from git when a session is replayed.
_SENTENCES = {
    "the model registry": ("registry",),
    "the model registry and the release history": ("registry",),
    "only where the workspace names a remote tracking server": ("registry",),
}
_CODE = re.compile(r"the use case's [a-z ,]+")

# Places below the state directory that go with a word.
_PLACES = {
    "cache": ("cache", "scratch", "trials", "engine"),
    "registry": ("registry", "releases", "models", "registering"),
}


@dataclass(frozen=True)
class Needs:
    """The declared needs. `reads`, `writes` and `network` are words of the tables above; `seconds` is wall time."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    seconds: float = SECONDS

    @property
    def effects(self) -> tuple[str, ...]:
        """What it changes that lasts: empty means that a replay may run it again."""
        return tuple(word for word in self.writes if word != "cache")


def read_needs(metadata: Mapping[str, str]) -> Needs:
    """The needs in a skill's metadata. Raises ValueError whose arguments are the field and what is wrong with it."""
    words = {field: _words(field, metadata.get(field, ""), known) for field, known in _FIELDS.items()}
    seconds = metadata.get("seconds", "")
    try:
        limit = float(seconds) if seconds else SECONDS
    except ValueError:
        limit = -1.0
    if not 0 < limit < float("inf"):
        raise ValueError("metadata.seconds", 'must be a number of seconds such as "60"')
    if "cache" not in words["writes"] and _CODE.fullmatch(metadata.get("reads", "")):
        words["writes"] = ("cache", *words["writes"])
    return Needs(**words, seconds=limit)


_FIELDS: dict[str, Mapping[str, str]] = {"reads": READS, "writes": WRITES, "network": NETWORK}


def _words(field: str, text: str, known: Mapping[str, str]) -> tuple[str, ...]:
    if text in ("", "none"):
        return ()
    if text in _SENTENCES:
        return ("registry", "history") if field == "reads" else _SENTENCES[text]
    if field == "reads" and _CODE.fullmatch(text):
        return ("code", "history")
    words = text.replace(",", " ").split()
    unknown = [word for word in words if word not in known]
    if unknown:
        raise ValueError(f"metadata.{field}", f"has the word {unknown[0]!r}; it takes: none, {', '.join(known)}")
    return tuple(dict.fromkeys(words))


def confinement(needs: Needs, settings: Settings, root: Path, folder: Path, scratch: Path) -> Confinement:
    """What the skill in `folder` may touch while it works on the tree `root`; `scratch` is its own directory."""
    state = settings.state.resolve()
    read = [folder, settings.root / "skills.lock"]
    write = [scratch]
    if "code" in needs.reads:
        read += [root, *(settings.root / path for path in settings.sandbox.read)]
        read += [place for name in settings.data if (place := settings.root / name).is_dir()]
    if "history" in needs.reads:
        read += _git(settings.root)
    for word in needs.reads:
        read += [state / name for name in _PLACES.get(word, ())]
    for word in needs.writes:
        for name in _PLACES[word]:
            (state / name).mkdir(parents=True, exist_ok=True)
            write.append(state / name)
    if "registry" in needs.writes and (state / "mlflow.db").exists():
        write.append(state)  # a workspace made before the store had a directory of its own
    port = _port(settings) if "registry" in needs.network else None
    return Confinement(
        read=tuple(read),
        write=tuple(write),
        # Policies are no secret, and the digest of a code tree covers them.
        hidden=tuple(
            path
            for path in hidden_in(settings.root.resolve(), root.resolve())
            if path not in read and path.name != "review_policies"
        ),
        memory_bytes=settings.sandbox.memory_bytes,
        # What it starts counts by itself, and can't have more; it mustn't have less than it may take by the clock.
        cpu_seconds=max(settings.sandbox.cpu_seconds, int(needs.seconds * max(2, os.cpu_count() or 1))),
        connect=(port, 53) if port else (),
        environment=tracking_credentials() if port else {},
    )


def _git(root: Path) -> list[Path]:
    """Where git keeps this workspace's objects and refs, a linked work tree's own and the shared ones."""
    found = next((place / ".git" for place in (root.resolve(), *root.resolve().parents) if (place / ".git").exists()), None)
    if found is None:
        return []
    if found.is_dir():
        return [found]
    own = Path(found.read_text("utf-8").removeprefix("gitdir:").strip())
    shared = own / "commondir"
    return [found, own, *([(own / shared.read_text("utf-8").strip()).resolve()] if shared.is_file() else [])]


def _port(settings: Settings) -> int | None:
    """The port of the tracking server; None for the embedded store or one in a file."""
    uri = urlsplit(settings.mlflow.tracking_uri)
    if uri.scheme not in ("http", "https"):
        return None
    return uri.port or (443 if uri.scheme == "https" else 80)
