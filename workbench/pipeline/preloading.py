"""Libraries that stage functions import while they run: imported once in the zygote, so that later forks have them.

Without it a `fit` with `import lightgbm` inside pays for the import in each run. Only what is installed is imported here: a
module of the workspace runs its own lines when a stage's call imports it, in the fork that called, as often as it would in
a process of its own.

Runs inside the confined process, loaded by its path.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import site
import sys
from pathlib import Path

FILE = "imported.json"
_INSTALLED = tuple(f"{place}/" for place in site.getsitepackages())


def loaded() -> set[str]:
    """Names of the modules that are imported by now."""
    return set(sys.modules)


def note(before: set[str], out: Path) -> None:
    """In a fork: leaves word of the installed modules that came since, in the order in which they came."""
    new = [name for name, module in list(sys.modules.items()) if name not in before and _is_installed(module)]
    if new:
        (out / FILE).write_text(json.dumps(new))


def noted(out: Path) -> list[str]:
    """What a fork has left word of; none where it left nothing that can be read."""
    try:
        names = json.loads((out / FILE).read_text())
    except (OSError, ValueError, RecursionError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def preload(names: list[str]) -> None:
    """In the zygote, after a fork has answered: imports what it had to. What can't be imported here is left to the forks."""
    for name in names:
        top = sys.modules.get(name.partition(".")[0])
        if name not in sys.modules and (top is None or _is_installed(top)):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def _is_installed(module: object) -> bool:
    place = getattr(getattr(module, "__spec__", None), "origin", None)
    return isinstance(place, str) and place.startswith(_INSTALLED)
