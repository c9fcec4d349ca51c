"""The review screen in a browser on this machine, through textual-serve: for who has a browser and no good terminal.

It listens on 127.0.0.1 alone. Who reaches that port could press keys, so nothing is answered without the token in the address
(kept by the browser in a cookie), nothing under another host's name, and no socket for a page from elsewhere.

textual-serve hands a command line to a shell: what is said there are our own words and quoted paths, nothing from a repository.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from workbench.errors import UsageError

HOST = "127.0.0.1"
_NAMES = frozenset({HOST, "localhost"})
_COOKIE = "workbench-review"
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self' ws:; frame-ancestors 'none'"
)
_Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BrowserView(Server):
    """Serves one command to whoever has `token`; says where on `say` once it listens. `port` 0 takes a free one."""

    def __init__(self, command: str, *, port: int, say: Callable[[str], None]) -> None:
        super().__init__(command, host=HOST, port=port, title="workbench review", public_url="")
        self.token = secrets.token_urlsafe(24)
        self._say = say

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guarded)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: _Answer) -> web.StreamResponse:
        """Only our own host names, only with the token, and a socket only for our own page."""
        name = urlsplit(f"//{request.host}").hostname
        origin = request.headers.get("Origin")
        given = request.query.get("token") or request.cookies.get(_COOKIE) or ""
        foreign = origin is not None and urlsplit(origin).netloc != request.host
        if name not in _NAMES or foreign or (request.path == "/ws" and origin is None):
            raise web.HTTPForbidden(text="This page is for this machine's own browser.")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise web.HTTPForbidden(text="Open the address that `workbench review --browser` printed.")
        # Addresses follow the name and port that the browser used: behind `ssh -L` they are others than ours.
        self.public_url = f"http://{request.host}"
        response = await handler(request)  # aiohttp's own name for it
        if not response.prepared:
            response.headers["Content-Security-Policy"] = _POLICY
            response.headers["Referrer-Policy"] = "no-referrer"
            response.set_cookie(_COOKIE, self.token, httponly=True, samesite="Strict", path="/")
        return response

    async def run(self) -> None:
        """Serves until it is interrupted. Raises UsageError where the port can't be had."""
        logging.getLogger("textual-serve").addHandler(logging.NullHandler())
        runner = web.AppRunner(await self._make_app(), access_log=None)
        await runner.setup()
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        try:
            site = web.TCPSite(runner, HOST, self.port, shutdown_timeout=2)
            try:
                await site.start()
            except OSError as error:
                raise UsageError(
                    f"Port {self.port} can't be listened on: {error.strerror}.", "give another with --port"
                ) from None
            self.port = runner.addresses[0][1]
            self._say(f"review screen: http://{HOST}:{self.port}/?token={self.token}")
            self._say(f"from another machine: ssh -L {self.port}:{HOST}:{self.port} THIS-MACHINE, then open the same address")
            self._say("it listens on this machine alone; Ctrl+C ends it")
            await ended.wait()
        finally:
            await runner.cleanup()

    async def on_startup(self, app: web.Application) -> None:
        """Says nothing: `run` does, once it listens."""


def browse(root: Path, *, select: str | None, key: Path | None, color: bool, port: int, say: Callable[[str], None]) -> None:
    """Serves the review screen until it is interrupted. Errors as `BrowserView.run`."""
    words = [sys.executable, "-m", "workbench", "-C", str(root)]
    words += [] if color else ["--no-color"]
    words += ["review", *(["--key", str(key.expanduser().absolute())] if key else [])]
    words += [select] if select else []
    asyncio.run(BrowserView(shlex.join(words), port=port, say=say).run())
