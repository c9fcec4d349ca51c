"""What an earlier check on this machine ran, kept by content, so that the next one needn't run it again.

An entry is only ever written by a check that has just run the step, never from a record: what a record says can't become what it
is held against. The key covers all that the answer can depend on: the skill's bytes, the code tree, the input, the use case,
Python and the installed packages, the data, and workbench's own code. Whoever can write the state directory could write an
entry, too: that is why a check says which steps came from here, and runs them all with `--no-cache`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from workbench.pipeline.cache import surroundings
from workbench.sessions.header import sha256
from workbench.settings import Settings

_FORMAT = 1


class Kept:
    """The kept answers of one workspace."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.state / "cache" / "replay"
        self._base = [_FORMAT, surroundings(settings), own_code()]

    def read(self, skill: str, code: str, use_case: str, given: dict[str, Any]) -> dict[str, Any] | None:
        """The answer of exactly this step, or None."""
        try:
            kept = json.loads(self._path(skill, code, use_case, given).read_bytes())
            output = kept["output"]
            if not isinstance(output, dict) or kept["sha256"] != sha256(_text(output)):
                return None
            return output
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, skill: str, code: str, use_case: str, given: dict[str, Any], output: dict[str, Any]) -> None:
        """Keeps an answer that was just given; where the disk refuses, nothing is kept."""
        path = self._path(skill, code, use_case, given)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({"output": output, "sha256": sha256(_text(output))}), "utf-8")
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)

    def _path(self, skill: str, code: str, use_case: str, given: dict[str, Any]) -> Path:
        return self._folder / f"{sha256(_text([*self._base, skill, code, use_case, given]))}.json"


def _text(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


@functools.cache
def own_code() -> str:
    """SHA-256 over workbench's own modules."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
