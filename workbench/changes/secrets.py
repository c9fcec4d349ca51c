"""Credentials that a change brings in, found by their form (the forms are those of `sessions.redact`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.changes.model import Risk, RiskKind, shown_path

_LONGEST = 4_000_000
_FORMS = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"|\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bgl(?:pat|rt|dt|ptt)-[A-Za-z0-9_.-]{16,}"
    r"|\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{20,}|\bAIza[0-9A-Za-z_-]{30,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/[A-Za-z0-9/_-]{20,}"
    r"|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|\bnpm_[A-Za-z0-9]{30,}"
    r"|\bpypi-AgE[A-Za-z0-9_-]{30,}|\bdckr_pat_[A-Za-z0-9_-]{20,}|\bdapi[0-9a-f]{32}|\bdo[opr]_v1_[0-9a-f]{40,}"
    r"|\bhv[sbr]\.[A-Za-z0-9_-]{20,}|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{30,}={0,2}|\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'<>{}$]{1,100}:[^\s/@\"'<>{}$]{3,100}@"
    r"|AGE-SECRET-KEY-1[0-9A-Z]{20,}"
)
_NAMED = re.compile(
    r"""(?ix)(?:secret|token|passw(?:or)?d|passwd|passphrase|api_?key|access_?key|private_?key|credentials?)\w*["']?\s*[:=]\s*
    ["'](?P<value>[^"'\s{}$<>]{8,})["']"""
)
# Without quotes, as configuration has it: a value that is no expression.
_BARE = re.compile(
    r"""(?ix)(?:secret|token|passw(?:or)?d|passwd|passphrase|api_?key|access_?key|private_?key|credentials?)\w*["']?\s*[:=]\s*
    (?P<value>[^"'\s{}$<>()\[\],]{8,})"""
)
_CODE = (".py", ".ipynb", ".md", ".rst", ".txt", ".js", ".ts", ".lock")
_LOGINS = re.compile(r"(?:.*/)?(?:[._]netrc|\.pgpass|\.git-credentials|\.htpasswd|\.dockercfg|\.my\.cnf|\.pypirc)")
_LOGIN = re.compile(r"(?i)\bpassword[\s:=]+\S|^[^#\s]*:[^:\s]+$|\bauth\b")
_PLACEHOLDER = re.compile(r"(?i)example|placeholder|change_?me|your[-_]|xxx|\*\*\*|dummy|redacted|not[-_]a[-_]|<.*>|^(.)\1+$")


def secret_risks(path: str, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """A risk for each line of the result that holds a credential which the base didn't hold; the value is never repeated."""
    if after is None or len(after) > _LONGEST:
        return
    known = set((before or b"").decode("utf-8", "replace").splitlines())
    for number, line in enumerate(after.decode("utf-8", "replace").splitlines(), 1):
        if line in known:
            continue
        found = _FORMS.search(line)
        named = _NAMED.search(line) or (_BARE.search(line) if not path.endswith(_CODE) else None)
        login = bool(_LOGINS.fullmatch(path)) and _LOGIN.search(line)
        if found or login or (named and not _PLACEHOLDER.search(named["value"]) and _looks_random(named["value"])):
            yield Risk(kind=RiskKind.SECRET, path=shown_path(path), line=number, reason="looks like a password, key or token")


def _looks_random(value: str) -> bool:
    kinds = sum(bool(re.search(form, value)) for form in (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]"))
    return kinds >= 3 or (kinds == 2 and len(value) >= 12 and bool(re.search(r"[0-9]", value)))
