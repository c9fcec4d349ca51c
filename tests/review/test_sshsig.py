from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.changesets import new_key
from workbench.errors import UsageError
from workbench.review import sshsig

needs_program = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
TEXT = b'{"a":1}'


def keygen(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", *arguments], input=stdin, capture_output=True, check=False)


@pytest.fixture
def without_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)


def test_signing_without_ssh_keygen(tmp_path: Path, without_program: None) -> None:
    new_key(tmp_path / "key")
    assert sshsig.verify(sshsig.sign(TEXT, tmp_path / "key"), TEXT) == sshsig.public_blob(tmp_path / "key")


@needs_program
def test_ssh_keygen_accepts_what_is_signed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = new_key(tmp_path / "key")
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "which", lambda _: None)
        (tmp_path / "sig").write_text(sshsig.sign(TEXT, tmp_path / "key"))
    (tmp_path / "allowed").write_text(f"ana@shop.example {public}\n")
    who = ["-f", str(tmp_path / "allowed"), "-I", "ana@shop.example"]
    command = ["-Y", "verify", *who, "-n", sshsig.NAMESPACE, "-s", str(tmp_path / "sig")]
    assert keygen(*command, stdin=TEXT).returncode == 0
    assert keygen(*command, stdin=TEXT + b" ").returncode != 0


@needs_program
@pytest.mark.parametrize("kind", [("ed25519",), ("ecdsa", "-b", "256"), ("ecdsa", "-b", "521"), ("rsa", "-b", "2048")])
def test_what_ssh_keygen_signs_is_accepted_here(tmp_path: Path, kind: tuple[str, ...]) -> None:
    key = tmp_path / "key"
    assert keygen("-q", "-t", *kind, "-N", "", "-f", str(key)).returncode == 0
    made = sshsig.sign(TEXT, key)
    assert sshsig.verify(made, TEXT) == sshsig.public_blob(key)
    assert sshsig.public_line(sshsig.public_blob(key)) == " ".join((tmp_path / "key.pub").read_text().split()[:2])
    with pytest.raises(sshsig.BadSignature):
        sshsig.verify(made, TEXT + b" ")
    other = keygen("-Y", "sign", "-n", "git", "-f", str(key), stdin=TEXT).stdout.decode()
    with pytest.raises(sshsig.BadSignature, match="made for `git`"):
        sshsig.verify(other, TEXT)


@needs_program
def test_an_encrypted_key_is_not_asked_for_without_a_person(tmp_path: Path) -> None:
    key = tmp_path / "key"
    assert keygen("-q", "-t", "ed25519", "-N", "passphrase", "-f", str(key)).returncode == 0
    assert sshsig.public_blob(key)
    with pytest.raises(UsageError, match="could not sign"):
        sshsig.sign(TEXT, key)


def test_what_cannot_sign_here_names_the_package(tmp_path: Path, without_program: None) -> None:
    (tmp_path / "key").write_text("nothing")
    with pytest.raises(UsageError) as caught:
        sshsig.sign(TEXT, tmp_path / "key")
    assert "openssh-client" in caught.value.hint
    with pytest.raises(UsageError):
        sshsig.public_blob(tmp_path / "key")


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_changed_signature_is_accepted(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    import base64

    key = tmp_path_factory.getbasetemp() / "one-key"
    if not key.exists():
        new_key(key)
    made = sshsig.sign(TEXT, key)
    body = bytearray(base64.b64decode("".join(made.splitlines()[1:-1])))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    forged = "\n".join([made.splitlines()[0], base64.b64encode(bytes(body)).decode(), made.splitlines()[-1]])
    with pytest.raises(sshsig.BadSignature):
        assert sshsig.verify(forged, TEXT) != sshsig.public_blob(key)
