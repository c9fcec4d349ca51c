"""The forms in which credentials are written, each with its kind; what is done about them is in `redact.py`.

Prefixes and lengths are those that the vendors document or show. A form is a kind with its own test.
"""

from __future__ import annotations

import re

_B = r"(?<![A-Za-z0-9])"  # nothing of a longer word in front
_BEGIN, _END = (rf"-----{word} [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----" for word in ("BEGIN", "END"))
_VALUE_WITH_SIGN = r"(?=[^\s]{0,200}[0-9=_.+/-])[A-Za-z0-9._~+/=-]{12,}"
_FLAG = r"--?(?:password|passwd|pwd|token|secret|api-?key|client-secret)"
# Kind, what a text has to contain for it to be worth looking (as is, or in lower case), pattern. Where the pattern has a group
# `secret`, that alone is replaced. No pattern may take more than linear time.
FORMS: tuple[tuple[str, str, str], ...] = (
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
    ("ssh2-key", "SSH2 ENCRYPTED", r"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----(?:(?!---- ).){0,20000}?---- END"),
    ("discord-bot", "M N O", _B + r"[MNO][A-Za-z\d_-]{23,27}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,40}(?![A-Za-z\d_-])"),
    ("model-service", "gsk_ r8_ xai- pplx- lsv2_ pcsk_",
     _B + r"(?:gsk_[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{30,}|xai-[A-Za-z0-9]{40,}|pplx-[A-Za-z0-9]{40,}|lsv2_(?:pt|sk)_[0-9a-f_]{30,}"
     r"|pcsk_[A-Za-z0-9_]{40,})"),
    ("payment-service", "access_token$production$ AQE rzp_live_ xkeysib- private-",
     r"(?:access_token\$production\$[0-9a-z]{16}\$[0-9a-f]{32}|" + _B + r"AQE[A-Za-z0-9]{50,}|" + _B
     + r"rzp_live_[A-Za-z0-9]{14}|" + _B + r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}|" + _B + r"private-[0-9a-f]{32})"),
    ("hosting-service", "fm2_ nfp_ HRKU- rnd_ dp. tskey- pnu_ ops_ey",
     _B + r"(?:fm2_[A-Za-z0-9+/=_-]{40,}|nfp_[A-Za-z0-9]{30,}|HRKU-[A-Za-z0-9_-]{30,}|rnd_[A-Za-z0-9]{28,}"
     r"|dp\.(?:pt|st|sa|ct|scim|audit)\.[A-Za-z0-9_.]{40,}|tskey-[a-z]+-[A-Za-z0-9-]{20,}|pnu_[A-Za-z0-9]{30,}"
     r"|ops_ey[A-Za-z0-9+/=_-]{40,})"),
    ("tool-token", "figd_ pat st. AKCp squ_ sqp_ sqa_ cio dose GR1348941",
     _B + r"(?:figd_[A-Za-z0-9_-]{36,}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|st\.[0-9a-f]{24}\.[0-9a-f]{32}|AKCp[A-Za-z0-9]{60,}"
     r"|sq[upa]_[0-9a-f]{40}|cio[A-Za-z0-9]{32}(?![A-Za-z0-9])|dose[0-9a-f]{32}|GR1348941[A-Za-z0-9_-]{20})"),
    ("telegram-url", "/bot", r"/bot\d{6,12}:(?P<secret>[A-Za-z0-9_-]{30,})"),
    ("password-hash", "$apr1$ $1$ $2a$ $2b$ $2y$ $5$ $6$ $y$ $argon2",
     r"\$(?:apr1|1|2[aby]|5|6|y|argon2id?)\$(?:[A-Za-z0-9./$=,+]{1,60}\$)?(?P<secret>[A-Za-z0-9./+]{20,120})"),
    ("pgpass", ":",
     r"(?:^|(?<=[\s\"']))[A-Za-z0-9*.-]{1,100}:(?:\d{4,5}|\*):[^\s:/]{1,100}:[^\s:/]{1,100}:"
     r"(?P<secret>[^\s:\\\"']{6,200})"),
    ("netrc-default", "login",
     r"(?i)\b(?:default|machine(?:\s|\\n)+\S{1,200})(?:\s|\\n)+login(?:\s|\\n)+\S{1,200}(?:\s|\\n)+(?:account(?:\s|\\n)+\S{1,200}(?:\s|\\n)+)?"
     r"password(?:\s|\\n)+(?P<secret>[^\s\"'\\]+)"),
    ("oracle-thin", ":thin:", r"jdbc:oracle:thin:[^\s/@:]{1,100}/(?P<secret>[^\s@\"']{1,200})@"),
    ("signature", "signature= response=", r"(?i)\b(?:signature|response)=\\{0,4}[\"']?(?P<secret>[0-9a-f]{32,128})"),
    ("element", "</", r"(?i)<(?:[\w.-]{0,40}(?:password|passwd|secret|token|apikey|api-key))>(?P<secret>[^<\\\r\n]{4,1000})</"),
    ("attribute", "value=",
     r"(?i)\b(?:key|name)=\\{0,4}[\"'][\w.:-]{0,60}(?:password|passwd|secret|token|apikey)[\w.-]{0,30}\\{0,4}[\"']\s{1,8}"
     r"value=\\{0,4}[\"'](?P<secret>[^\"'\\\r\n]{4,1000})"),
    ("argument-list", "--p --t --s --a",
     r"(?i)[\"']" + _FLAG + r"\\{0,4}[\"']\s{0,4},\s{0,4}\\{0,4}[\"'](?P<secret>[^\"'\\\r\n]{4,1000})"),
    ("short-flag", "mysql sshpass mariadb -password",
     r"(?:\b(?:mysql|mysqldump|mariadb)\s[^\r\n]{0,200}?(?<=\s)-p|\bsshpass\s+-p\s*|--(?:http|ftp|proxy)-password[ =])"
     r"(?P<secret>[^\s\"'\\-][^\s\"'\\]{3,200})"),
    ("named-block", "passw secret token passphrase key",
     r"(?i)(?:password|passwd|passphrase|secret|token|api[_-]?key)[\w.-]{0,30}\s{0,8}"
     r"(?::\s{0,8}[>|][+-]?\d?[ \t]*(?:\r?\n|\\{1,4}n)\s+"
     r"|=\s{0,8}(?:(?:\\{0,4}\"){3}|'{3})(?:\s|\\{1,4}n)*)(?P<secret>[^\s\"'\\]{6,1000})"),
    ("upper-name", "PASS _KEY _PAT ubscription app_key",
     r"(?:\b[A-Z][A-Z0-9_]*_(?:PASS|KEY|PAT)|\b(?:[\w-]*[Ss]ubscription-[Kk]ey|app_key))\\{0,4}[\"']?\s{0,4}[=:]\s{0,4}\\{0,4}[\"']?"
     r"(?P<secret>(?=[^\s\"'\\]{0,400}\d)[A-Za-z0-9+/=_.~!@#%^&*-]{10,400})"),
)  # fmt: skip

COMPILED = tuple(
    (kind, tuple(needles.split()) if kind != "private-key" else (needles,), re.compile(pattern, re.DOTALL))
    for kind, needles, pattern in FORMS
)
