"""Takes secrets out of text before it is written: known kinds of credentials, and values that the caller names.

What is found is replaced by `[redacted:<kind>]`, which keeps JSON and source code readable as such. A pattern here is a
kind with its own test; what has no form of its own is found by the name in front of it (`password = …`). Deliberately
coarse for passwords: a lost word costs a reader a moment, a leaked one costs more.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.sessions.encoded import decoded, spellings
from workbench.sessions.forms import COMPILED, FORMS

_SECRET_NAMES = re.compile(
    r"(?i)(secret|token|passw(or)?d|passwd|passphrase|pwd|api_?key|access_?key|private_?key|credential|auth(?!or)|dsn|cookie|session_?key)"
)

_NAMED = re.compile(
    r"""(?ix)(?P<name>
        (?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key
          |signing[_-]?key|encryption[_-]?key|client[_-]?key(?:-data)?|credentials?|auth(?!or)|dsn|session[_-]?key)
        [A-Za-z0-9_.-]{0,30})
        (?P<close>\\{0,4}["'])?\s{0,8}(?::=|=>|[:=])\s{0,8}(?P<open>\\{0,4}["'])?"""
)  # fmt: skip
_VALUE = {True: re.compile(r"[^\"'\\\r\n]{1,4000}"), False: re.compile(r"[^\s\"'\\,;&)}\]<>]{1,4000}")}
_PASSWORD = re.compile(r"(?i)(passw(or)?d|passwd|passphrase|pwd)")
_CODE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(?:[(\[{].*)?")
_PATH = re.compile(r"[~.]?(/[\w.@+-]+)+/?")
_HARMLESS = frozenset({"none", "null", "true", "false", "required", "optional", "changeme", "string", "str", "bytes"})

_NAME_WORDS = ("passw", "passphrase", "pwd", "secret", "token", "key", "credential", "auth", "dsn")
KINDS = (*(kind for kind, _, _ in FORMS), "named", "encoded", "environment")


class Redactor:
    """Takes out the known kinds, and the exact values of `secrets` in the forms in which they travel (JSON, URL)."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            forms |= {form for form in spellings(secret) if len(form) >= 4}
        # A short one only as a word of its own: it may be part of any word.
        patterns = [
            re.escape(form) if len(form) >= 8 else rf"(?<![A-Za-z0-9_]){re.escape(form)}(?![A-Za-z0-9_])"
            for form in sorted(forms, key=lambda form: (-len(form), form))
        ]
        self._exact = re.compile("|".join(patterns)) if patterns else None
        bytewise = [pattern.encode("utf-8").decode("latin-1") for pattern in patterns]
        self._exact_bytes = re.compile("|".join(bytewise)) if bytewise else None

    def text(self, text: str) -> str:
        """`text` without secrets; unchanged where it has none."""
        return _without(text, self._exact)

    def content(self, content: bytes) -> bytes:
        """The same for bytes of any kind; outside the secrets each stays what it was."""
        try:
            return _without(content.decode("utf-8"), self._exact).encode("utf-8")
        except UnicodeDecodeError:
            return _without(content.decode("latin-1"), self._exact_bytes).encode("latin-1")

    def value(self, value: Any, *, name: str = "") -> Any:
        """The same for a JSON value, in keys as well; a string under a secret's name is taken out whole."""
        if isinstance(value, str):
            if name and _SECRET_NAMES.search(name) and _is_secret(name, value, quoted=True):
                return "[redacted:named]"
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(inner, name=str(key)) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner, name=name) for inner in value]
        return value


def secret_values(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values of the variables whose names look like a secret's, for `Redactor`; paths, switches and limits are left out."""
    return tuple(sorted({value for name, value in environment.items() if _holds_secret(name, value)}))


def _holds_secret(name: str, value: str) -> bool:
    if not (_SECRET_NAMES.search(name) or name.upper().endswith(("_KEY", "_PAT"))):
        return False
    if len(value.strip()) < 4 or value.lower() in _HARMLESS:
        return False
    if re.search(r"(?i)secret|passw|token", name) is None and _PATH.fullmatch(value):
        return False  # a socket or a file that holds one
    return not value.isdigit() or _PASSWORD.search(name) is not None


def _without(text: str, exact: re.Pattern[str] | None) -> str:
    """Without secrets as they stand, and without runs of encoded text that hold one."""
    text = _plainly(text, exact)
    return decoded(text, lambda inner: _plainly(inner, exact) != inner)


def _plainly(text: str, exact: re.Pattern[str] | None) -> str:
    if exact is not None:
        text = exact.sub("[redacted:environment]", text)
    lowered = text.lower()
    for kind, needles, pattern in COMPILED:
        if any(needle in text or needle in lowered for needle in needles):
            text = pattern.sub(lambda match, kind=kind: _replaced(match, kind), text)  # type: ignore[misc]
    return _without_named(text) if any(word in lowered for word in _NAME_WORDS) else text


def _replaced(match: re.Match[str], kind: str) -> str:
    whole: str = match[0]
    if "secret" not in match.re.groupindex:
        return f"[redacted:{kind}]"
    start, end = match.span("secret")
    if match["secret"].startswith("[redacted:"):
        return whole
    return f"{whole[: start - match.start()]}[redacted:{kind}]{whole[end - match.start() :]}"


def _without_named(text: str) -> str:
    kept: list[str] = []
    position = 0
    for match in _NAMED.finditer(text):
        if match.start() < position:
            continue
        quoted = match["open"] is not None
        if match["close"] and not quoted:
            continue  # a number, a flag or an object in JSON
        value = _VALUE[quoted].match(text, match.end())
        if value is None or not _is_secret(match["name"], value[0], quoted=quoted):
            continue
        kept += [text[position : value.start()], "[redacted:named]"]
        position = value.end()
    return "".join([*kept, text[position:]])


def _is_secret(name: str, value: str, *, quoted: bool) -> bool:
    """Whether the value behind a secret's name is one, rather than code, a placeholder or a word."""
    if value.lower() in _HARMLESS or value.startswith(("[redacted", "${", "<", "{{", "$(", "%(")):
        return False
    if not quoted and _CODE.fullmatch(value) and not any(character.isdigit() for character in value):
        return False  # a name or a call in source code: password=os.environ[…], token: str
    if _PASSWORD.search(name):
        return len(value) >= 4 and not (name.lower().startswith("pwd") and _PATH.fullmatch(value))
    return len(value) >= 12 and " " not in value and _bits(value) >= 2.8 and any(c.isdigit() for c in value)


def _bits(value: str) -> float:
    """Shannon entropy in bits per character."""
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
