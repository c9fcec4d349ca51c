"""SSH signatures (the SSHSIG format of `ssh-keygen -Y`): made by ssh-keygen where it is there, always checked here.

Checking needs public keys only and no program, so the answer is the same on every machine. Without ssh-keygen an
unencrypted Ed25519 key can still sign. Which key belongs to whom is not known here.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path

from workbench.errors import UsageError
from workbench.policy.reviewers import key_blob

NAMESPACE = "workbench-signoff"
_MAGIC = b"SSHSIG"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_PRIVATE = b"openssh-key-v1\0"
_HASHES = {b"sha512": hashlib.sha512, b"sha256": hashlib.sha256}


class BadSignature(ValueError):
    """The signature isn't one, or isn't over these bytes."""


def sign(content: bytes, key: Path, *, environment: Mapping[str, str] | None = None, interactive: bool = False) -> str:
    """An armored signature over `content` with the private key file `key`.

    `environment` may carry SSH_AUTH_SOCK and the like; `interactive` lets ssh-keygen ask for a passphrase or a touch.
    Raises UsageError with a hint where the key can't be used.
    """
    if not key.is_file():
        raise UsageError(f"{key} is not a file.", "give your SSH private key with --key FILE, or set WORKBENCH_KEY")
    program = shutil.which("ssh-keygen")
    if program is None:
        return _sign_here(content, key)
    command = [program, "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key)]
    done = subprocess.run(
        command, input=content, capture_output=True, check=False, start_new_session=not interactive,
        env={"PATH": str(Path(program).parent), "LC_ALL": "C", **(environment or {})},
    )  # fmt: skip
    if done.returncode != 0 or not done.stdout:
        said = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"])[-1]
        raise UsageError(
            f"ssh-keygen could not sign with {key}: {said}", "check the file's permissions (0600) and its passphrase"
        )
    return done.stdout.decode("ascii")


def _sign_here(content: bytes, key: Path) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    missing = UsageError(
        f"{key} can't be used without ssh-keygen, which is not installed.",
        "install it (Debian: apt-get install openssh-client), or use an Ed25519 key without a passphrase",
    )
    try:
        private = load_ssh_private_key(key.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise missing from None
    if not isinstance(private, Ed25519PrivateKey):
        raise missing
    public = private.public_key().public_bytes_raw()
    blob = _string(b"ssh-ed25519") + _string(public)
    signature = _string(b"ssh-ed25519") + _string(private.sign(_signed(content, NAMESPACE.encode(), b"", b"sha512")))
    body = _MAGIC + (1).to_bytes(4, "big") + _string(blob) + _string(NAMESPACE.encode()) + _string(b"") + _string(b"sha512")
    text = base64.b64encode(body + _string(signature)).decode("ascii")
    return "\n".join([_BEGIN, *textwrap.wrap(text, 70), _END, ""])


def verify(armored: str, content: bytes, *, namespace: str = NAMESPACE) -> bytes:
    """The public key (as a blob) whose signature over `content` this is. Raises BadSignature."""
    lines = [line.strip() for line in armored.strip().splitlines()]
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise BadSignature("it is not an SSH signature")
    try:
        body = _Reader(base64.b64decode("".join(lines[1:-1]), validate=True))
    except ValueError:
        raise BadSignature("it is not base64") from None
    if body.take(len(_MAGIC)) != _MAGIC or body.number() != 1:
        raise BadSignature("it is not an SSH signature of version 1")
    blob, space, reserved, hash_name, signature = (body.string() for _ in range(5))
    if body.left():
        raise BadSignature("something follows the signature")
    if space != namespace.encode():
        raise BadSignature(f"it was made for `{space.decode('utf-8', 'replace')}`, not for `{namespace}`")
    if hash_name not in _HASHES:
        raise BadSignature("its hash function is not SHA-256 or SHA-512")
    _check(blob, signature, _signed(content, space, reserved, hash_name))
    return blob


def public_blob(key: Path) -> bytes:
    """The public key of a private key file, without opening its encrypted part. Raises UsageError."""
    beside = key.with_name(key.name + ".pub")
    try:
        lines = key.read_text("ascii", "replace").strip().splitlines()
        if lines and lines[0] == "-----BEGIN OPENSSH PRIVATE KEY-----":
            reader = _Reader(base64.b64decode("".join(lines[1:-1])))
            if reader.take(len(_PRIVATE)) == _PRIVATE:
                for _ in range(3):
                    reader.string()
                if reader.number() == 1:
                    return reader.string()
        source = lines[0] if lines and lines[0].startswith(("ssh-", "ecdsa-", "sk-")) else beside.read_text("ascii", "replace")
        return key_blob(source)
    except (OSError, ValueError):
        hint = "give your own with --key FILE or WORKBENCH_KEY; `ssh-keygen -t ed25519` makes one"
        raise UsageError(f"{key} is not an SSH private key that can be read.", hint) from None


def public_line(blob: bytes) -> str:
    """A public key blob as it stands in reviewers.toml."""
    return f"{_Reader(blob).string().decode('ascii', 'replace')} {base64.b64encode(blob).decode('ascii')}"


def _signed(content: bytes, space: bytes, reserved: bytes, hash_name: bytes) -> bytes:
    return _MAGIC + _string(space) + _string(reserved) + _string(hash_name) + _string(_HASHES[hash_name](content).digest())


def _check(blob: bytes, signature: bytes, content: bytes) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    reader, key_reader = _Reader(signature), _Reader(blob)
    algorithm, raw, kind = reader.string(), reader.string(), key_reader.string()
    try:
        if kind.startswith(b"sk-"):
            if algorithm != kind or kind != b"sk-ssh-ed25519@openssh.com":
                raise BadSignature("security keys are supported as sk-ssh-ed25519@openssh.com only")
            public, application = key_reader.string(), key_reader.string()
            flags, counter = reader.take(1), reader.take(4)
            if not flags[0] & 1:
                raise BadSignature("the security key was not touched")
            device = hashlib.sha256(application).digest() + flags + counter + hashlib.sha256(content).digest()
            ed25519.Ed25519PublicKey.from_public_bytes(public).verify(raw, device)
            return
        if reader.left():
            raise BadSignature("something follows the signature")
        key = load_ssh_public_key(public_line(blob).encode("ascii"))
        if isinstance(key, ed25519.Ed25519PublicKey) and algorithm == b"ssh-ed25519":
            key.verify(raw, content)
        elif isinstance(key, rsa.RSAPublicKey) and algorithm in (b"rsa-sha2-512", b"rsa-sha2-256") and key.key_size >= 2048:
            key.verify(raw, content, padding.PKCS1v15(), hashes.SHA512() if algorithm.endswith(b"512") else hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm == kind:
            numbers = _Reader(raw)
            pair = utils.encode_dss_signature(*(int.from_bytes(numbers.string(), "big") for _ in range(2)))
            fitting = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
            key.verify(pair, content, ec.ECDSA(fitting[key.key_size]))
        else:
            raise BadSignature("its kind of key or signature is not accepted")
    except InvalidSignature:
        raise BadSignature("it is not over these bytes, or not by this key") from None
    except (UnsupportedAlgorithm, KeyError) as error:
        raise BadSignature(f"its key can't be used: {error}") from None
    except ValueError as error:
        raise error if isinstance(error, BadSignature) else BadSignature("its key is malformed") from None


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


class _Reader:
    """Takes SSH's length-prefixed strings off a byte string; too few bytes are a BadSignature."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, count: int) -> bytes:
        found = self._content[self._at : self._at + count]
        if len(found) != count:
            raise BadSignature("it is cut off")
        self._at += count
        return found

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def left(self) -> int:
        return len(self._content) - self._at
