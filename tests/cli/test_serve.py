"""`workbench serve` as a process: a real request over HTTP, hot switch, and every way it ends."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.releases import Shop, shop, shop_template
from workbench.cli.main import main
from workbench.errors import ExitCode
from workbench.release.rollback import rollback

__all__ = ["shop", "shop_template"]


def started(shop: Shop, *argv: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "workbench", "-C", str(shop.settings.root), "serve", "shop", "--until-eof", *argv]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def ready(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """What the server prints once it answers; the server is gone afterwards whatever happens."""
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                pytest.fail(process.communicate()[1])
            yield json.loads(line)
        finally:
            process.kill()


def ask(url: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    content = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=content), timeout=30) as response:
        found: dict[str, Any] = json.loads(response.read())
        return found


def test_a_real_request_a_rollback_and_a_clean_end(shop: Shop) -> None:
    shop.released(5, mae=2.0)
    shop.released(20, mae=1.0)
    process = started(shop, "--poll", "30")
    with ready(process) as at:
        assert at == {"format": 1, "url": at["url"], "model_version": 2, "alias": "champion"}
        assert at["url"].startswith("http://127.0.0.1:")
        body = {"store": "A", "hour": "2024-01-20T09:00:00Z"}
        answer = ask(f"{at['url']}/predict", body)
        assert answer["model_version"] == 2 and 0 < answer["prediction"] < 100
        with pytest.raises(urllib.error.HTTPError) as error:
            ask(f"{at['url']}/predict", {"store": "A"})
        assert error.value.code == 422
        error.value.close()
        rollback(shop.settings, "shop", actor="bo", reason="test")
        process.send_signal(signal.SIGHUP)  # looks at once, whatever --poll says
        answers = (ask(f"{at['url']}/healthz")["model_version"] for _ in range(5000))
        assert next(version for version in answers if version == 1) == 1
        assert ask(f"{at['url']}/predict", body)["model_version"] == 1
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (ExitCode.OK, "") and "Traceback" not in err
    assert len((shop.settings.state / "predictions" / "shop.jsonl").read_text().splitlines()) == 2
    assert list((shop.settings.state / "served").iterdir()) == []


@pytest.mark.slow
def test_it_ends_with_its_parent_and_with_ctrl_c(shop: Shop) -> None:
    shop.released(5)
    orphan, stopped = started(shop), started(shop)
    with ready(orphan), ready(stopped):
        assert orphan.stdin is not None
        orphan.stdin.close()
        stopped.send_signal(signal.SIGINT)
        assert orphan.wait(30) == ExitCode.OK
        assert stopped.wait(30) == ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["serve", "shop"], ExitCode.FINDINGS, "no champion to serve"),
        (["serve", "shop", "--alias", "canary"], ExitCode.FINDINGS, "no canary to serve"),
        (["serve", "shop", "--host", "203.0.113.77"], ExitCode.USAGE, "Can't listen"),
        (["serve", "shop", "--port", "99999"], ExitCode.USAGE, "Can't listen"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    shop: Shop, capsys: pytest.CaptureFixture[str], argv: list[str], code: ExitCode, words: str
) -> None:
    assert main(["-C", str(shop.settings.root), *argv]) == code
    captured = capsys.readouterr()
    assert words in captured.err and captured.out == "" and "hint:" in captured.err
