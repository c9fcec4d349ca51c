"""Sessions on PostgreSQL: a real server of the test's own, on a Unix socket, ended by its process id."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import LEAKY_SPLIT, USE_CASE, House, make_house
from test_loop import sign

from workbench.changes import Author
from workbench.errors import ConfigError, Refusal, UsageError
from workbench.loop import session
from workbench.loop.checkpoints import held
from workbench.settings import Settings, load_settings

_PLACES = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), *map(Path, os.environ["PATH"].split(os.pathsep))]
BIN = next((place for place in _PLACES if all((place / name).is_file() for name in ("initdb", "postgres"))), None)
PASSWORD = "-".join(("swordfish", "not", "recorded", "4711"))
needs_server = pytest.mark.skipif(BIN is None, reason="no PostgreSQL server is installed (Debian: apt-get install postgresql)")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server that lives as long as this file's tests; it doesn't run as root, which it refuses."""
    assert BIN is not None
    place = Path(tempfile.mkdtemp(prefix="workbench-postgres-"))
    who = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    identity = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    if who:
        os.chown(place, who.pw_uid, who.pw_gid)
    secret, data = place / "password", place / "data"
    secret.write_text(PASSWORD)
    if who:
        os.chown(secret, who.pw_uid, who.pw_gid)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(place)}
    subprocess.run(
        [BIN / "initdb", "-D", data, "-U", "ana", "-A", "scram-sha-256", "-E", "UTF8", f"--pwfile={secret}", "--no-sync"],
        check=True, capture_output=True, env=environment, cwd=place, **identity,
    )  # fmt: skip
    command = [BIN / "postgres", "-D", data, "-k", place, "-c", "listen_addresses=", "-c", "fsync=off"]
    with (place / "log").open("w") as log:
        running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=log, text=True, env=environment, cwd=place, **identity)
    try:
        assert running.stderr is not None
        heard = next((line for line in running.stderr if "ready to accept connections" in line), "")
        assert heard, "the server did not start"
        yield f"postgresql://ana:{PASSWORD}@/postgres?host={place}"
    finally:
        running.terminate()
        running.communicate()
        shutil.rmtree(place, ignore_errors=True)


def on(house: House, address: str) -> Settings:
    return house.settings.model_copy(update={"loop": house.settings.loop.model_copy(update={"checkpoints": address})})


@pytest.mark.slow
@needs_server
def test_whoever_comes_second_is_told_which_process_has_the_session(tmp_path: Path, server: str) -> None:
    settings = on(make_house(tmp_path), server)
    who = f"process {os.getpid()} on "
    with held(settings, "one"), held(settings, "two"), pytest.raises(Refusal, match=who), held(settings, "one"):
        pass
    with held(settings, "one"):
        pass


@pytest.mark.slow
@needs_server
def test_a_session_waits_on_the_server_and_goes_on_from_another_machine(tmp_path: Path, server: str) -> None:
    house = make_house(tmp_path, LEAKY_SPLIT)
    settings = on(house, server)
    waiting = session.start(settings, USE_CASE)
    assert waiting.outcome == "waiting" and waiting.change is not None
    assert not (settings.state / "sessions" / waiting.session / session.CHECKPOINTS).exists()
    # What another machine doesn't have is this one's state directory.
    shutil.rmtree(settings.state / "sessions")
    sign(house, waiting.change)
    with held(settings, waiting.session), pytest.raises(Refusal, match="run by another process"):
        session.resume(settings, waiting.session)
    done = session.resume(settings, waiting.session)
    assert done.outcome == "released", done.reason
    everything = [path.read_bytes() for path in house.root.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in content for content in everything)


HOLD = """
import sys
from pathlib import Path
from workbench.loop.checkpoints import held
from workbench.settings import LoopSettings, Settings
with held(Settings(root=Path("."), loop=LoopSettings(checkpoints=sys.argv[1])), "s1"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
@needs_server
def test_one_process_at_a_time_and_a_killed_one_lets_go(server: str, tmp_path: Path) -> None:
    settings = Settings(root=tmp_path).model_copy(
        update={"loop": Settings(root=tmp_path).loop.model_copy(update={"checkpoints": server})}
    )
    command = [sys.executable, "-c", HOLD, server]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(Refusal), held(settings, "s1"):
            pass
        with held(settings, "s2"):
            pass
        other.kill()
        other.wait()
    for _ in range(200):  # the server notices that the connection is gone
        try:
            with held(settings, "s1"):
                return
        except Refusal:
            continue
    raise AssertionError("the lock of a killed process stays")


@pytest.mark.slow
@needs_server
def test_a_database_in_another_encoding_is_refused(server: str) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE old ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    settings = Settings(root=Path.cwd())
    old = server.replace("/postgres?", "/old?")
    settings = settings.model_copy(update={"loop": settings.loop.model_copy(update={"checkpoints": old})})
    with pytest.raises(ConfigError, match="UTF-8"), held(settings, "s1"):
        pass


@pytest.mark.slow
@needs_server
def test_a_checkpoint_can_construct_nothing(server: str) -> None:
    from workbench.loop import checkpoints

    settings = Settings(root=Path.cwd())
    settings = settings.model_copy(update={"loop": settings.loop.model_copy(update={"checkpoints": server})})
    with held(settings, "s3") as place:
        serde = checkpoints.saver(place, Path("unused")).serde
        packed = serde.dumps_typed(Author(name="Ana"))
        assert not isinstance(serde.loads_typed(packed), Author)


def test_what_cannot_be_used_is_said_without_the_password(tmp_path: Path) -> None:
    def settings(address: str) -> Settings:
        (tmp_path / "workbench.toml").write_text(f'[loop]\ncheckpoints = "{address}"\n')
        return load_settings(tmp_path, {})

    with held(settings(""), "s1") as place:
        assert place is None
    gone = settings(f"postgresql://ana:{PASSWORD}@127.0.0.1:1/none")
    assert PASSWORD in gone.secrets
    for given, kind in (
        (gone, UsageError),
        (settings("mysql://x/y"), ConfigError),
        (settings("postgresql://a:b@c:notaport/d"), Exception),
    ):
        with pytest.raises(kind) as error, held(given, "s1"):
            pass
        assert PASSWORD not in str(error.value)
