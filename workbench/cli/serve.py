"""`workbench serve`: answers prediction requests with the champion until it is told to end."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import threading

from workbench.cli.console import Console
from workbench.errors import ExitCode
from workbench.settings import load_settings
from workbench.visible import visible


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument("use_case", metavar="USE_CASE", help="a use case with a champion")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=0, help="the port (default: any free one)")
    parser.add_argument("--alias", default="champion", help="the alias to serve (default: champion)")
    parser.add_argument("--poll", type=float, default=1.0, metavar="SECONDS", help="how often to look for a moved alias")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends, so that no server outlives its parent")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Serves; prints one JSON line with the address on stdout once requests are accepted."""
    import signal

    from workbench.release.approved_code import Checkouts
    from workbench.release.following import Follower, Watch
    from workbench.release.serving import PredictionLog, application, bound, serve

    settings = load_settings(args.directory)

    def say(text: str) -> None:
        console.say(visible(text, newlines=True))

    listener = bound(args.host, args.port)
    host, port = listener.getsockname()[:2]
    if not _loopback(str(host)):
        console.warn(f"warning: {host} can be reached from other machines, and this service asks nobody who they are")
    # stdout is the command's own: what stage code prints goes to stderr.
    with contextlib.redirect_stdout(sys.stderr), Checkouts(settings) as checkouts:
        follower = Follower(settings, args.use_case, checkouts, alias=args.alias, say=say)
        log = PredictionLog(settings, args.use_case)
        url = f"http://[{host}]:{port}" if ":" in str(host) else f"http://{host}:{port}"

        def ready() -> None:
            version = follower.model.version
            console.data(json.dumps({"format": 1, "url": url, "model_version": version.version, "alias": args.alias}))
            say(f"serving {args.use_case} version {version.version} ({args.alias}) at {url}; Ctrl-C ends it")

        stopped = _eof() if args.until_eof else None
        caught = serve(application(follower, log, say), listener, Watch(follower, args.poll), ready=ready, stopped=stopped)
        log.close()
    return ExitCode.INTERRUPTED if caught is signal.SIGINT else ExitCode.OK


def _eof() -> threading.Event:
    """An event that is set when stdin has ended."""
    ended = threading.Event()

    def drain() -> None:
        # Not through sys.stdin: a thread that waits there holds a lock which the interpreter wants when it ends.
        while os.read(sys.stdin.fileno(), 4096):
            pass
        ended.set()

    threading.Thread(target=drain, name="stdin", daemon=True).start()
    return ended


def _loopback(host: str) -> bool:
    import ipaddress

    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
