"""Secrets never reach the disk: canaries of every kind through events and blobs, and harmless text left alone."""

import base64
import json
import random
import string
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import Refusal
from workbench.sessions.events import event
from workbench.sessions.header import SessionHeader
from workbench.sessions.reader import read_session
from workbench.sessions.redact import KINDS, Redactor, secret_values
from workbench.sessions.writer import SessionWriter

_draw = random.Random(11)


def some(alphabet: str, length: int) -> str:
    return "".join(_draw.choice(alphabet) for _ in range(length))


AN = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UP = string.ascii_uppercase + string.digits
_pem = "-----{} RSA PRIVATE KEY-----"

# Kind → the text around it, and the part of it that has to be gone. Put together here, so that no scanner takes them for real.
CANARIES: dict[str, tuple[str, str]] = {}


def canary(kind: str, text: str, secret: str | None = None) -> None:
    CANARIES[kind if kind not in CANARIES else f"{kind}-{len(CANARIES)}"] = (text, secret if secret is not None else text)


_body = some(AN, 64)
canary("private-key", f"{_pem.format('BEGIN')}\n{_body}\n{_pem.format('END')}", _body)
canary("private-key", json.dumps(f"{_pem.format('BEGIN')}\n{_body}\n{_pem.format('END')}"), _body)
canary("private-key", f"cut off: {_pem.format('BEGIN')}\n{_body}", _body)
_mac = some(HEX, 40)
canary("putty-key", f"PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\n{_body}\nPrivate-MAC: {_mac}", _body)
canary("age-key", "AGE-SECRET-KEY-1" + some(UP, 58))
canary("jwt", f"eyJ{some(AN, 20)}.eyJ{some(AN, 30)}.{some(AN, 43)}")
canary("anthropic", "sk-ant-api03-" + some(AN, 60))
canary("openai", "sk-proj-" + some(AN, 48))
canary("openai", "sk-" + some(AN, 48))
canary("huggingface", "hf_" + some(AN, 34))
canary("aws-access-key", "AKIA" + some(UP, 16))
_aws = some(AN + "/+", 39) + "7"
canary("named-aws", f"aws_secret_access_key = {_aws}", _aws)
canary("google-api-key", "AIza" + some(AN, 35))
canary("google-oauth", "GOCSPX-" + some(AN, 28))
canary("google-oauth", "ya29." + some(AN, 60))
canary("github", "ghp_" + some(AN, 36))
canary("github", "github_pat_" + some(AN, 22) + "_" + some(AN, 59))
canary("gitlab", "glpat-" + some(AN, 20))
canary("bitbucket", "ATBB" + some(AN, 32))
canary("atlassian", "ATATT3x" + some(AN, 60))
canary("slack", "xoxb-" + some("0123456789", 12) + "-" + some(AN, 24))
canary("slack", "xapp-1-" + some(UP, 11) + "-" + some("0123456789", 12))
_hook = some(AN, 24)
canary("slack-webhook", f"https://hooks.slack.com/services/T0000000/B0000000/{_hook}", _hook)
canary("discord-webhook", f"https://discord.com/api/webhooks/123456789/{_hook}", _hook)
canary("teams-webhook", f"https://shop.webhook.office.com/webhookb2/{_hook}@{_hook}/x", _hook)
canary("telegram", f"{some('123456789', 9)}:AA{some(AN, 33)}")
canary("stripe", "sk_live_" + some(AN, 24))
canary("stripe", "whsec_" + some(AN, 32))
canary("square", "sq0atp-" + some(AN, 22))
canary("shopify", "shpat_" + some(HEX, 32))
canary("twilio", "SK" + some(HEX, 32))
canary("sendgrid", f"SG.{some(AN, 22)}.{some(AN, 43)}")
canary("mailgun", "key-" + some(HEX, 32))
canary("mailchimp", some(HEX, 32) + "-us12")
canary("npm", "npm_" + some(AN, 36))
canary("pypi", "pypi-AgE" + some(AN, 80))
canary("rubygems", "rubygems_" + some(HEX, 48))
canary("docker", "dckr_pat_" + some(AN, 27))
canary("databricks", "dapi" + some(HEX, 32))
canary("digitalocean", "dop_v1_" + some(HEX, 64))
canary("vault", "hvs." + some(AN, 30))
canary("terraform", f"{some(AN, 14)}.atlasv1.{some(AN, 60)}")
canary("grafana", "glsa_" + some(AN, 32) + "_" + some(HEX, 8))
canary("new-relic", "NRAK-" + some(UP, 27))
canary("sentry", "sntrys_" + some(AN, 60))
canary("linear", "lin_api_" + some(AN, 40))
canary("notion", "ntn_" + some(AN, 46))
canary("postman", "PMAK-" + some(HEX, 24) + "-" + some(HEX, 34))
canary("pulumi", "pul-" + some(HEX, 40))
canary("planetscale", "pscale_tkn_" + some(AN, 40))
canary("supabase", "sbp_" + some(HEX, 40))
canary("weights-and-biases", "wandb_v1_" + some(AN, 40))
canary("azure-client-secret", some(AN, 3) + "8Q~" + some(AN, 34))
_azure = some(AN, 86) + "=="
canary("azure-account-key", f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={_azure};", _azure)
_sig = some(AN, 43) + "%3D"
canary("azure-sas", f"https://shop.blob.core.windows.net/c?sv=2024&sig={_sig}", _sig)
canary("signed-url", f"https://b.s3.amazonaws.com/k?X-Amz-Signature={(_s := some(HEX, 64))}", _s)
_word = some(AN, 14)
canary("basic-auth-url", f"postgresql+psycopg://shop:{_word}@db.internal:5432/shop", _word)
canary("url-user-token", f"https://{(_t := some(AN, 40))}@git.example/shop.git", _t)
canary("authorization", f"curl -H 'Authorization: Bearer {(_b := some(AN, 30) + '9')}'", _b)
canary("authorization", f"bearer {(_c := some(AN, 20) + '-1')}", _c)
canary("bearer", f'{{"Authorization": "Basic {(_d := some(AN, 24) + "==")}"}}', _d)
canary("cookie", f"Cookie: session={(_e := some(AN, 32))}; theme=dark", _e)
canary("netrc", f"machine git.example login ana password {_word}", _word)
canary("command-line", f"mysql --user shop --password {_word} db", _word)
canary("curl-user", f"curl -s -u ana:{_word} https://api.example", _word)
canary("named", f"password = '{_word}'", _word)
canary("named", f"DB_PASSWORD={_word}", _word)
canary("named", f'{{"client_secret": "{(_f := some(AN, 30) + "5")}"}}', _f)
canary("named", f'"{{\\"api_key\\": \\"{(_g := some(AN, 30) + "5")}\\"}}"', _g)
canary("named", f"    api-key: {(_h := some(AN, 30) + '5')}\n", _h)
canary("named", "passphrase: correct horse battery".replace("correct horse battery", f"'{_word} {_word}'"), _word)
_pw = some(AN, 14) + "7x"
_b64 = base64.b64encode(f"ana:{_pw}".encode()).decode()
for _label in ("OPENSSH ", "EC ", "ENCRYPTED ", ""):
    _lines = [f"-----{word} {_label}PRIVATE KEY-----" for word in ("BEGIN", "END")]
    canary("private-key", f"{_lines[0]}\n{_body}\n{_lines[1]}", _body)
canary("private-key", f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{_body}\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----", _body)
canary("private-key", f"key: |\n    {_pem.format('BEGIN')}\n    {_body}\n    {_pem.format('END')}", _body)
canary("ssh2-key", f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{_body}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----", _body)
canary("discord-bot", "MT" + some(AN, 22) + "." + some(AN, 6) + "." + some(AN, 27))
for _prefix, _alphabet, _length in (
    ("gsk_", AN, 52), ("r8_", AN, 37), ("xai-", AN, 80), ("pplx-", AN, 48), ("lsv2_pt_", HEX, 42), ("pcsk_", AN, 70),
):  # fmt: skip
    canary("model-service", _prefix + some(_alphabet, _length))
canary("payment-service", f"access_token$production${some(HEX, 16)}${some(HEX, 32)}")
canary("payment-service", f"xkeysib-{some(HEX, 64)}-{some(AN, 16)}")
for _prefix, _length in (("fm2_", 100), ("nfp_", 36), ("HRKU-", 60), ("rnd_", 32), ("dp.pt.", 43), ("pnu_", 36), ("ops_ey", 200)):
    canary("hosting-service", _prefix + some(AN, _length))
canary("hosting-service", f"tskey-auth-{some(AN, 16)}-{some(AN, 32)}")
canary("tool-token", "figd_" + some(AN, 40))
canary("tool-token", f"pat{some(AN, 14)}.{some(HEX, 64)}")
canary("tool-token", "squ_" + some(HEX, 40))
canary("tool-token", "GR1348941" + some(AN, 20))
_tail = some(AN, 33)
canary("telegram-url", f"https://api.telegram.org/bot{some('123456789', 9)}:AA{_tail}/sendMessage", _tail)
_hash = some(AN, 22)
canary("password-hash", f"ana:$apr1${some(AN, 8)}${_hash}", _hash)
_hash6 = some(AN, 86)
canary("password-hash", f"root:$6${some(AN, 8)}${_hash6}:1:", _hash6)
canary("pgpass", f"db.internal:5432:shop:ana:{_pw}", _pw)
canary("pgpass", f"*:*:*:ana:{_pw}", _pw)
canary("netrc-default", f"default login ana password {_pw}", _pw)
canary("netrc-default", f"machine h\n  login ana\n  account b\n  password {_pw}", _pw)
canary("oracle-thin", f"jdbc:oracle:thin:ana/{_pw}@db:1521:x", _pw)
canary("signature", f'Authorization: Digest username="a", response="{(_i := some(HEX, 32))}"', _i)
canary("signature", f"AWS4-HMAC-SHA256 Credential=x, Signature={(_j := some(HEX, 64))}", _j)
canary("element", f"<password>{_pw}</password>", _pw)
canary("attribute", f'<add key="Password" value="{_pw}" />', _pw)
canary("argument-list", f"['--password', '{_pw}']", _pw)
canary("short-flag", f"mysql -p{_pw} db", _pw)
canary("short-flag", f"sshpass -p {_pw} ssh a@b", _pw)
canary("named-block", f"password: >-\n  {_pw}\n", _pw)
canary("named-block", f'password = """\n{_pw}"""', _pw)
canary("upper-name", f"export SMTP_PASS={_pw}", _pw)
canary("upper-name", f"SHOP_KEY={(_k := some(AN, 32) + '4')}", _k)
canary("upper-name", f"Ocp-Apim-Subscription-Key: {(_l := some(AN, 32) + '4')}", _l)
canary("named", f'{{"auths": {{"registry.example": {{"auth": "{_b64}"}}}}}}', _b64)
canary("named", f"users:\n- name: ana\n  user:\n    token: {(_m := some(AN, 40) + '8')}", _m)
canary("named", f"    client-key-data: {(_n := some(AN, 80) + '8')}==", _n)
canary("named", f"//registry.npmjs.org/:_authToken={(_o := some(AN, 40) + '9')}", _o)
canary("named", f"Driver={{ODBC}};Server=db;UID=ana;PWD={_pw};", _pw)
canary("named", f"jdbc:postgresql://db/shop?user=ana&password={_pw}", _pw)
canary("named", f"host=db user=ana password={_pw} dbname=x", _pw)
canary("named", f"psycopg.connect(host='db', password='{_pw}')", _pw)
canary("basic-auth-url", f"redis://:{_pw}@cache:6379/0", _pw)
canary("basic-auth-url", f"mongodb+srv://ana:{_pw}@c.example/db", _pw)
_inner = base64.b64encode(f"token=ghp_{some(AN, 36)}".encode()).decode()
canary("encoded", f"said {_inner} once", _inner)
_inner2 = base64.b64encode(f"password={_pw}\n".encode()).decode()
canary("encoded", _inner2)
canary("encoded", f"next=token%3Dghp_{(_p := some(AN, 36))}%26x", _p)


def test_there_is_a_canary_of_every_kind():
    covered = {kind.rsplit("-", 1)[0] if kind.rsplit("-", 1)[-1].isdigit() else kind for kind in CANARIES}
    assert set(KINDS) - covered == {"environment"}
    assert len(CANARIES) >= 110


@pytest.mark.parametrize("kind", CANARIES)
def test_it_is_gone_from_text_bytes_and_values(kind):
    text, secret = CANARIES[kind]
    redactor = Redactor()
    around = f"before {text} after"
    for cleaned in (
        redactor.text(text),
        redactor.text(around),
        redactor.text(f"line\n{text}\nline"),
        redactor.text(json.dumps({"log": text})),
        redactor.content(around.encode()).decode(),
        redactor.content(b"\xff\xfe" + around.encode()).decode("latin-1"),
        json.dumps(redactor.value({"a": [{"b": around}], around: 1})),
    ):
        assert secret not in cleaned and json.dumps(secret)[1:-1] not in cleaned
        assert "[redacted:" in cleaned
    assert redactor.text(around).startswith("before ")


@pytest.mark.parametrize("kind", CANARIES)
def test_json_around_it_stays_json_at_any_depth(kind):
    whole = json.dumps({"log": f"said {CANARIES[kind][0]} twice {CANARIES[kind][0]}", CANARIES[kind][0]: 1})
    for _ in range(3):
        json.loads(Redactor().content(whole.encode()))
        whole = json.dumps({"inner": whole}, indent=1)


def test_none_of_them_reaches_the_disk(tmp_path):
    everything = "\n".join(text for text, _ in CANARIES.values())
    given = SessionHeader(
        id="s", use_case="shop", base="a" * 40, driver="playbook", created="2026-11-20T09:00:00+00:00", goal=everything
    )
    with SessionWriter.create(tmp_path / "s", given, secrets=["tr0ub4dor&3"]) as writer:
        for text, _ in CANARIES.values():
            blob = writer.blob(f"output: {text}")
            writer.append(event("skill", name="audit", version="0.1.0", tree="a" * 40, input=blob, output=blob))
            writer.append(event("message", by=text, text=f"{text} tr0ub4dor&3"))
            writer.append(event("diagnosis", diagnoses=[{"message": text, text: [text, {"deep": text}]}]))
        writer.close("failed", reason=everything)
    read_session(tmp_path / "s").check_blobs()
    disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode()
    for kind, (_, secret) in CANARIES.items():
        assert secret not in disk and json.dumps(secret)[1:-1] not in disk, kind
    assert "tr0ub4dor" not in disk


HARMLESS = [
    "def fit(train, token_count=3, password=None): return secret_sauce(train)",
    "tokens = tokenizer(text)\nkey = lambda row: row.key\n",
    'password = os.environ["DB_PASSWORD"]',
    "password: str = Field(default_factory=read_password)",
    '{"tokens": {"input": 1200, "output": 88}, "token_seconds": 1718000000000.25, "auth": null}',
    "author: Ana Example <ana@shop.example>, authorized by lead",
    "sha256:" + some(HEX, 64),
    some(HEX, 40) + " pipelines/shop/split.py",
    "roll_24h at JFK 2013-06-14 09:00 reads flights.dep_delay up to 23 h after the prediction",
    "https://docs.example/guide?page=2&sort=asc#top",
    "http://127.0.0.1:5000/predict",
    "see git@host.example:shop/pipeline.git",
    "the basic idea: a digest " + some(HEX, 64),
    "2013-06-14T09:00:00+00:00 [audit] gate split: fail (0.42 s)",
    "secret santa, token of love, the key to success",
    "task-force-alpha-bravo-charlie-delta-echo",
    'labels = {"asked": "risk-based-approach-to-everything"}',
]


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays(text):
    assert Redactor().text(text) == text
    assert Redactor().content(text.encode()) == text.encode()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_redaction_is_stable(text):
    redactor = Redactor(["hunter2hunter2"])
    once = redactor.text(text)
    assert redactor.text(once) == once


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["token", "password", "a", "auth"]), inner, max_size=3)
        ),
        max_leaves=10,
    ),
    st.sampled_from([text for text, _ in CANARIES.values()]),
)
def test_json_stays_json(value, secret):
    whole = {"value": value, "log": f"said {secret} twice {secret}"}
    for text in (json.dumps(whole), json.dumps(whole, indent=1), json.dumps({"inner": json.dumps(whole)})):
        json.loads(Redactor().content(text.encode()))


def test_exact_values_go_in_the_forms_in_which_they_travel():
    redactor = Redactor(['p"w/ö rd!', "abcd"])
    assert "[redacted:environment]" in redactor.text('x p"w/ö rd! y')
    assert "rd!" not in redactor.text(json.dumps({"a": 'p"w/ö rd!'}))
    assert "rd" not in redactor.text("u=p%22w%2F%C3%B6%20rd%21")
    assert "rd!" not in redactor.content(b"\xff" + 'p"w/ö rd!'.encode()).decode("latin-1")
    for form in (
        json.dumps(json.dumps('p"w/ö rd!')), quote_plus('p"w/ö rd!'), quote('p"w/ö rd!'), ascii('p"w/ö rd!'),
        'p"w/ö rd!'.encode().hex(), base64.b64encode('p"w/ö rd!'.encode()).decode(),
    ):  # fmt: skip
        assert "[redacted:environment]" in redactor.text(f"x {form} y"), form
    for around in range(3):
        hidden = base64.urlsafe_b64encode(b"u" * around + b":hunter2hunter2:x").decode()
        assert "[redacted:" in Redactor(["hunter2hunter2"]).text(f"x {hidden} y"), around
    assert redactor.text("abcd abcde xabcd") == "[redacted:environment] abcde xabcd", "a short one only as a word"


def test_secrets_of_the_environment_are_found_by_their_names():
    found = secret_values(
        {
            "ANTHROPIC_API_KEY": "value-one",
            "DB_PASSWORD": "12345678",
            "MLFLOW_TRACKING_TOKEN": "value-two",
            "SSH_AUTH_SOCK": "/run/user/1000/keyring/ssh",
            "GOOGLE_APPLICATION_CREDENTIALS": "/home/ana/key.json",
            "MAX_TOKENS": "4096",
            "USE_AUTH": "true",
            "AWS_SECRET_ACCESS_KEY": "/abc/def+ghi",
            "HOME": "/home/ana",
            "EMPTY_SECRET": "",
            "AUTHOR": "Ana Example",
        }
    )
    assert found == ("/abc/def+ghi", "12345678", "value-one", "value-two")


def test_a_secret_in_a_name_is_refused_not_written(tmp_path):
    given = SessionHeader(id="s", use_case="shop", base="a" * 40, driver="playbook", created="2026-11-20T09:00:00+00:00")
    writer = SessionWriter.create(tmp_path / "s", given, secrets=["tr0ub4dor3"])
    with writer, pytest.raises(Refusal, match="holds a secret"):
        writer.append(event("chosen", skill="tr0ub4dor3"))
    assert (tmp_path / "s" / "events.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    "piece",
    ["a", "1", " ", "\\", "a.b.", "a=b;", "://", "a://", "eyJ", "password ", " --password", "curl ", "bearer ", "machine a ",
     "cookie: a=", "authorization: ", "-----BEGIN PRIVATE KEY-----", "PuTTY-User-Key-File-3:", "key=", "hooks.slack.com/"],
)  # fmt: skip
def test_hostile_text_takes_linear_time(piece):
    # Quadratic patterns take minutes on this; the bound is wide, for slow machines.
    text = piece * (300_000 // len(piece))
    begin = time.perf_counter()
    Redactor().text(text)
    assert time.perf_counter() - begin < 5
