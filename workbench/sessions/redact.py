"""Takes secrets out of text before it is written: known kinds of credentials, and values that the caller names.

What is found is replaced by `[redacted:<kind>]`, which keeps JSON and source code readable as such. A pattern here is a
kind with its own test; what has no form of its own is found by the name in front of it (`password = …`). Deliberately
coarse for passwords: a lost word costs a reader a moment, a leaked one costs more.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

_B = r"(?<![A-Za-z0-9])"  # nothing of a longer word in front
_BEGIN, _END = (rf"-----{word} [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----" for word in ("BEGIN", "END"))
_VALUE_WITH_SIGN = r"(?=[^\s]{0,200}[0-9=_.+/-])[A-Za-z0-9._~+/=-]{12,}"
_FLAG = r"--?(?:password|passwd|pwd|token|secret|api-?key|client-secret)"
_SECRET_NAMES = re.compile(
    r"(?i)(secret|token|passw(or)?d|passwd|passphrase|pwd|api_?key|access_?key|private_?key|credential|auth(?!or)|dsn|cookie|session_?key)"
)

# Kind, what a text has to contain for it to be worth looking (as is, or in lower case), pattern. Where the pattern has a group
# `secret`, that alone is replaced. No pattern may take more than linear time.
_FORMS: tuple[tuple[str, str, str], ...] = (
    ("putty-key", "PuTTY", r"PuTTY-User-Key-File-\d:(?:(?!PuTTY-User)[^\"]){0,20000}?Private-MAC: ?[0-9a-f]{40,64}"),
    ("private-key", "PRIVATE KEY",
     _BEGIN + r"(?:(?:(?!-----BEGIN).){0,20000}?" + _END + r"|(?:[A-Za-z0-9+/=\s]|\\{1,4}[nr]){0,20000})"),
    ("age-key", "AGE-SECRET", r"AGE-SECRET-KEY-1[0-9A-Z]{20,80}"),
    ("jwt", "eyJ", _B + r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    ("anthropic", "sk-ant-", r"sk-ant-[A-Za-z0-9_-]{16,}"),
    ("openai", "sk-", _B + r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}"),
    ("huggingface", "hf_ api_org_", _B + r"(?:hf|api_org)_[A-Za-z0-9]{20,}"),
    ("aws-access-key", "AKIA ASIA AIDA AROA ABIA ACCA", _B + r"(?:AKIA|ASIA|AIDA|AROA|ABIA|ACCA)[0-9A-Z]{16}(?![0-9A-Z])"),
    ("google-api-key", "AIza", r"AIza[0-9A-Za-z_-]{30,}"),
    ("google-oauth", "GOCSPX- ya29. 1//0",
     r"(?:GOCSPX-[0-9A-Za-z_-]{20,}|" + _B + r"ya29\.[0-9A-Za-z_-]{20,}|" + _B + r"1//0[0-9A-Za-z_-]{30,})"),
    ("github", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", _B + r"(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    ("gitlab", "glpat- glrt- gldt- glptt- glcbt- glagent- glsoat- glimt- glft- glffct-",
     _B + r"gl(?:pat|rt|dt|ptt|cbt|agent|soat|imt|ft|ffct)-[A-Za-z0-9_.-]{16,}"),
    ("bitbucket", "ATBB", _B + r"ATBB[A-Za-z0-9]{24,}"),
    ("atlassian", "ATATT3", _B + r"ATATT3[A-Za-z0-9_=-]{20,}"),
    ("slack", "xox xapp-", _B + r"xox[abeoprs]-[A-Za-z0-9-]{10,}|" + _B + r"xapp-\d-[A-Za-z0-9-]{10,}"),
    ("slack-webhook", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}"),
    ("discord-webhook", "api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d+/[A-Za-z0-9_-]{20,}"),
    ("teams-webhook", ".webhook.office.com", r"\.webhook\.office\.com/[A-Za-z0-9/@_-]{30,}"),
    ("telegram", ":AA", _B + r"\d{8,10}:AA[A-Za-z0-9_-]{30,}"),
    ("stripe", "k_live_ k_test_ whsec_", _B + r"(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}"),
    ("square", "sq0 EAAA", _B + r"(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{20,}|EAAA[A-Za-z0-9_-]{56,})"),
    ("shopify", "shpat_ shpca_ shppa_ shpss_", _B + r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
    ("twilio", "SK AC", _B + r"(?:SK|AC)[0-9a-f]{32}(?![0-9a-f])"),
    ("sendgrid", "SG.", _B + r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("mailgun", "key-", _B + r"key-[0-9a-f]{32}(?![0-9a-f])"),
    ("mailchimp", "-us", _B + r"[0-9a-f]{32}-us\d{1,2}(?!\d)"),
    ("npm", "npm_", _B + r"npm_[A-Za-z0-9]{30,}"),
    ("pypi", "pypi-AgE", _B + r"pypi-AgE[A-Za-z0-9_-]{30,}"),
    ("rubygems", "rubygems_", _B + r"rubygems_[0-9a-f]{40,}"),
    ("docker", "dckr_", _B + r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    ("databricks", "dapi", _B + r"dapi[0-9a-f]{32}(?:-\d)?"),
    ("digitalocean", "doo_v1_ dop_v1_ dor_v1_", _B + r"do[opr]_v1_[0-9a-f]{40,}"),
    ("vault", "hvs. hvb. hvr.", _B + r"hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    ("terraform", ".atlasv1.", _B + r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}"),
    ("grafana", "glsa_ glc_", _B + r"gl(?:sa|c)_[A-Za-z0-9+/=_]{20,}"),
    ("new-relic", "NRAK- NRII- NRJS- NRRA-", _B + r"NR(?:AK|II|JS|RA)-[A-Za-z0-9]{16,}"),
    ("sentry", "sntrys_ sntryu_", _B + r"sntry[su]_[A-Za-z0-9+/=_]{20,}"),
    ("linear", "lin_", _B + r"lin_(?:api|oauth)_[A-Za-z0-9]{20,}"),
    ("notion", "ntn_ secret_", _B + r"(?:ntn_|secret_)[A-Za-z0-9]{40,}"),
    ("postman", "PMAK-", _B + r"PMAK-[A-Za-z0-9-]{20,}"),
    ("pulumi", "pul-", _B + r"pul-[0-9a-f]{40}"),
    ("planetscale", "pscale_", _B + r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{20,}"),
    ("supabase", "sbp_", _B + r"sbp_[0-9a-f]{40}"),
    ("weights-and-biases", "wandb_v1_", _B + r"wandb_v1_[A-Za-z0-9_]{20,}"),
    ("azure-client-secret", "8Q~ 7Q~", _B + r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"),
    ("azure-account-key", "accountkey= sharedaccesskey=",
     r"(?i)(?:AccountKey|SharedAccessKey)=(?P<secret>[A-Za-z0-9+/]{30,}={0,2})"),
    ("azure-sas", "sig=", r"[?&]sig=(?P<secret>[A-Za-z0-9%+/=]{20,})"),
    ("signed-url", "x-amz- x-goog-",
     r"(?i)X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)=(?P<secret>[A-Za-z0-9%+/=_.-]{16,})"),
    ("basic-auth-url", "://", r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@\"'<>]{0,200}:(?P<secret>[^\s/@\"'<>]{1,200})@"),
    ("url-user-token", "://", r"https?://(?P<secret>[A-Za-z0-9_-]{20,})@"),
    ("authorization", "bearer basic apikey token", r"(?i)\b(?:bearer|basic|apikey|token)\s+(?P<secret>" + _VALUE_WITH_SIGN + ")"),
    ("bearer", "authorization", r"(?i)\bauthorization[\"'\\]*\s*[:=]\s*[\"'\\]*(?:[A-Za-z]+\s+)?(?P<secret>[^\s\"'\\,;]{6,})"),
    ("cookie", "cookie", r"(?i)\b(?:set-)?cookie[\"'\\]*\s*:\s*[\"'\\]*(?P<secret>[A-Za-z0-9_.-]+=[^\"'\\\r\n]{8,})"),
    ("netrc", "machine", r"(?i)\bmachine\s+\S+\s+login\s+\S+\s+password\s+(?P<secret>[^\s\"'\\]+)"),
    ("command-line", "-p -t -s -api -c", r"(?i)(?:^|\s)" + _FLAG + r"[ =](?P<secret>[^\s\"'\\-][^\s\"'\\]{3,})"),
    ("curl-user", "curl", r"\bcurl\b[^\r\n]{0,200}?\s(?:-u|--user)[ =][\"']?[^\s:\"']{1,100}:(?P<secret>[^\s\"']{1,200})"),
)  # fmt: skip

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

_COMPILED = tuple(
    (kind, tuple(needles.split()) if kind != "private-key" else (needles,), re.compile(pattern, re.DOTALL))
    for kind, needles, pattern in _FORMS
)
_NAME_WORDS = ("passw", "passphrase", "pwd", "secret", "token", "key", "credential", "auth", "dsn")
KINDS = (*(kind for kind, _, _ in _FORMS), "named", "environment")


class Redactor:
    """Takes out the known kinds, and the exact values of `secrets` in the forms in which they travel (JSON, URL)."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            for form in {secret, secret.strip(), json.dumps(secret)[1:-1], quote(secret, safe="")}:
                if len(form) >= 4:
                    forms.add(form)
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
    if exact is not None:
        text = exact.sub("[redacted:environment]", text)
    lowered = text.lower()
    for kind, needles, pattern in _COMPILED:
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
