"""`workbench review --browser`: who gets in and who doesn't, and the screen in a real browser."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.reviews import SPLIT_EDIT, Desk, desk

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--window-size=1280,800", "about:blank",
]  # fmt: skip


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


@pytest.fixture
def address(here: Desk) -> Iterator[str]:
    here.propose(SPLIT_EDIT)
    plain = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    program = subprocess.Popen(
        [sys.executable, "-m", "workbench", "-C", str(here.repo.root), "review", "--browser", "--key", str(here.ana)],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**plain, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "HOME": str(here.repo.root)},
    )  # fmt: skip
    assert program.stderr is not None
    lines = [program.stderr.readline() for _ in range(3)]
    try:
        assert "ssh -L" in lines[1] and "127.0.0.1" in lines[0], lines
        yield lines[0].partition(": ")[2].strip()
    finally:
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 0
        program.stderr.close()


def answer(url: str, **headers: str) -> int:
    """The status of a request."""
    asked = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(asked, timeout=20) as response:
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_nobody_gets_in_without_the_token_from_elsewhere_or_under_another_name(address: str) -> None:
    page, _, token = address.partition("?")
    assert answer(address) == 200
    assert answer(page) == 403 and answer(f"{page}?token=wrong") == 403 and answer(f"{page}static/js/textual.js") == 403
    assert answer(address, Host="evil.example") == 403, "a name that is made to point here"
    assert answer(f"{page}ws?{token}", Origin="http://evil.example") == 403, "a page from elsewhere"
    assert answer(f"{page}ws?{token}") == 403, "no page at all"


def test_a_port_that_is_taken_is_said(here: Desk, address: str) -> None:
    port = address.split(":")[2].partition("/")[0]
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "-C", str(here.repo.root), "review", "--browser", "--port", port],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2 and f"Port {port} can't be listened on" in done.stderr and "--port" in done.stderr


class Page:
    """A page of Chromium, through its debugging protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def do(self, method: str, **given: Any) -> Any:
        """One command and its answer."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": given})
        while True:
            said = await self._socket.receive_json(timeout=30)
            if said.get("id") == self._number:
                return said.get("result", {})

    async def press(self, key: str) -> None:
        """A letter."""
        await self.do("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        await self.do("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def is_true(self, expression: str) -> bool:
        """What JavaScript says."""
        said = await self.do("Runtime.evaluate", expression=expression)
        return said.get("result", {}).get("value") is True


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_draft_is_made_in_a_real_browser(here: Desk, address: str, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    profile = tmp_path / "profile"
    browser = subprocess.Popen([CHROMIUM, *FLAGS, f"--user-data-dir={profile}"], stderr=subprocess.DEVNULL)
    try:
        asyncio.run(_draft(address, here.repo.root / ".workbench" / "drafts.json", profile, tmp_path / "page.png"))
    finally:
        browser.terminate()
        browser.wait(30)


async def _draft(address: str, drafts: Path, profile: Path, picture: Path) -> None:
    end = time.monotonic() + 90
    active = profile / "DevToolsActivePort"
    while not (active.exists() and active.read_text().strip()):
        assert time.monotonic() < end, "Chromium did not start"
        await asyncio.sleep(0.1)
    port = active.read_text().split()[0]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
            pages = await response.json(content_type=None)
        where = next(found["webSocketDebuggerUrl"] for found in pages if found["type"] == "page")
        async with session.ws_connect(where, max_msg_size=0) as socket:
            page = Page(socket)
            await page.do("Page.navigate", url=address)
            while not await page.is_true("document.body.classList.contains('-first-byte')"):
                assert time.monotonic() < end, "the screen never came"
                await asyncio.sleep(0.2)
            await page.do("Runtime.evaluate", expression="document.querySelector('.xterm-helper-textarea').focus()")
            # A key typed while things settle decides nothing; so it is pressed until it is taken, with time in between.
            while not (drafts.exists() and "reject" in drafts.read_text()):
                assert time.monotonic() < end, "the draft was never made"
                await page.press("x")
                await asyncio.sleep(0.8)
            shot = await page.do("Page.captureScreenshot", format="png")
            picture.write_bytes(base64.b64decode(shot["data"]))
            assert picture.stat().st_size > 10_000
            assert next(iter(json.loads(drafts.read_text())["drafts"].values()))["verdict"] == "reject"
