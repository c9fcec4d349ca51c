"""What a person prefers for themselves: keys of their own, an editor, and how to get at their clipboard.

Keys stand in `$XDG_CONFIG_HOME/workbench/keys.toml` (else `~/.config`), outside every workspace: what an agent may write must
not decide what a reviewer's keys do.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from workbench.errors import ConfigError
from workbench.visible import visible

FILE = Path("workbench") / "keys.toml"
_KEY = re.compile(r"(?:(?:ctrl|shift|alt)\+)*[a-zA-Z0-9_]+|[!-/:-@\[-`{-~]")
CONFIRMS = "Y"


@dataclass(frozen=True)
class Person:
    """`editor` is a command line; `keymap` maps ids of bindings to keys; `commands` copy their input, the first that is there."""

    editor: str = ""
    keymap: Mapping[str, str] = field(default_factory=dict)
    commands: Sequence[Sequence[str]] = ()
    remote: bool = False
    """At the other end of SSH, where only the terminal itself can reach the clipboard."""
    written: Path | None = None
    """Where to put a copy that can't be had otherwise."""


def person_of(environment: Mapping[str, str], screens: Mapping[str, Mapping[str, str]], *, state: Path) -> Person:
    """Who sits there, from the environment and their file of keys. `screens`: for each screen, id of a binding → its keys.

    Raises ConfigError for a file that can't be used.
    """
    commands = [["pbcopy"]]
    if environment.get("WAYLAND_DISPLAY"):
        commands.append(["wl-copy"])
    if environment.get("DISPLAY"):
        commands.append(["xclip", "-selection", "clipboard"])
    home = environment.get("XDG_CONFIG_HOME") or ""
    config = Path(home) if home.startswith("/") else Path(environment.get("HOME") or "~").expanduser() / ".config"
    return Person(
        editor=environment.get("VISUAL") or environment.get("EDITOR") or "", keymap=read_keys(config / FILE, screens),
        commands=commands, remote=bool(environment.get("SSH_CONNECTION") or environment.get("SSH_TTY")),
        written=state / "copied.txt",
    )  # fmt: skip


def read_keys(path: Path, screens: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Id of a binding → its keys, as the file says; empty where there is none. Raises ConfigError."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}.", "mend it, or take it away") from None
    known = {name for bindings in screens.values() for name in bindings}
    if unknown := set(table) - {"keys"}:
        raise ConfigError(f"{path}: there is no table `{visible(min(unknown))}`.", "keys stand below [keys]")
    keys = table.get("keys", {})
    if not isinstance(keys, dict):
        raise ConfigError(f"{path}: [keys] isn't a table.", 'write `reject = "w"` below [keys]')
    for name, value in keys.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(sorted(known))}"
            raise ConfigError(f"{path}: there is no key called `{visible(name, limit=60)}`.", hint)
        if not isinstance(value, str) or not all(_KEY.fullmatch(key.strip()) for key in value.split(",")):
            raise ConfigError(f"{path}: `{name}` is not mapped to a key.", 'name it as in "w", "ctrl+w" or "w,f8"')
    _check_clashes(path, keys, screens)
    return keys


def _check_clashes(path: Path, keys: Mapping[str, str], screens: Mapping[str, Mapping[str, str]]) -> None:
    for bindings in screens.values():
        taken: dict[str, str] = {}
        for name, value in {**bindings, **{name: keys[name] for name in keys if name in bindings}}.items():
            for key in (one.strip() for one in value.split(",")):
                if taken.setdefault(_named(key), name) != name:
                    both = f"`{taken[_named(key)]}` and `{name}`"
                    raise ConfigError(f"{path}: {both} would both be {visible(key)}.", "map each to a key of its own")
                if name == "sign" and key == CONFIRMS:
                    raise ConfigError(f"{path}: `sign` can't be {CONFIRMS}.", "that key confirms a signature; take another")


def _named(key: str) -> str:
    """A character by the name that bindings have for it."""
    from textual.keys import _character_to_key

    return _character_to_key(key) if len(key) == 1 else key
