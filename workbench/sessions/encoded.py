"""Secrets in other spellings: how one travels (JSON, URL, HTML, base64, hex), and runs of encoded text that may hold one."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus, unquote_plus

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{20,}={0,2}")
_PERCENT = re.compile(r"[^\s\"'<>\\]*%[0-9A-Fa-f]{2}[^\s\"'<>\\]*")
_HEX = re.compile(r"[0-9a-fA-F]+")
_SHORTEST = 12
"""Characters of base64 below which a piece of a secret could be part of anything."""


def spellings(secret: str) -> set[str]:
    """A secret as it may be written somewhere: as it is, quoted once or twice, encoded, or in the middle of an encoded text."""
    stripped = secret.strip()
    found = {
        secret,
        stripped,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        html.escape(secret),
        ascii(secret)[1:-1],
    }
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        found |= {once, json.dumps(once, ensure_ascii=ascii_only)[1:-1]}
    raw = stripped.encode("utf-8", "surrogatepass")
    return found | ({raw.hex(), raw.hex().upper()} | _in_base64(raw) if len(raw) >= 8 else set())


def _in_base64(raw: bytes) -> set[str]:
    """What base64 of any text with `raw` in it holds, by where in a group of three bytes `raw` begins."""
    found = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        # The characters at either end carry bits of what stands beside it.
        end = len(whole) - (1 if (before + len(raw)) % 3 else 0)
        inner = whole[-(-before * 4 // 3) : end]
        if len(inner) >= _SHORTEST:
            found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found


def decoded(text: str, holds: Callable[[str], bool]) -> str:
    """`text` without the runs of base64 or percent-encoding that hold a secret once they are decoded."""

    def base(match: re.Match[str]) -> str:
        run = match[0]
        inner = None if _HEX.fullmatch(run) else _from_base64(run)
        return "[redacted:encoded]" if inner is not None and holds(inner) else run

    def percent(match: re.Match[str]) -> str:
        run = match[0]
        inner = unquote_plus(run)
        return "[redacted:encoded]" if inner != run and holds(inner) and not holds(run) else run

    if "%" in text:
        text = _PERCENT.sub(percent, text)
    return _BASE64.sub(base, text)


def _from_base64(run: str) -> str | None:
    """The text that a run is the base64 of; None where it is none, as for names and digests."""
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        inner = base64.b64decode(body + "=" * (-len(body) % 4)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return inner if all(character.isprintable() or character in "\r\n\t" for character in inner) else None
