"""The `claude` driver: a model behind the Anthropic Messages API decides the next step. The only importer of Anthropic's SDK.

Here is what the vendor's is: the client, one streamed call, and which of its errors are worth asking again. What is said, called
and kept is in `loop.dialogue`.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from workbench.errors import ConfigError
from workbench.loop.dialogue.asking import Asking, Busy
from workbench.loop.dialogue.conversation import converse
from workbench.loop.dialogue.stream import Cut, read
from workbench.loop.drivers.answers import Answer

if TYPE_CHECKING:
    import anthropic

    from workbench.loop.drivers import Driver
    from workbench.loop.turn import Turn
    from workbench.settings import ClaudeSettings, Settings

PUBLIC = "https://api.anthropic.com"
CONTEXT_EDITING = "context-management-2025-06-27"
"""The beta that `context_management` needs."""

TOO_LONG: dict[str, Any] = {
    "type": "message", "role": "assistant", "content": [], "stop_reason": "model_context_window_exceeded", "usage": {},
}  # fmt: skip
"""What a request counts as answered with where the endpoint says that it is too long."""

_CONNECT_SECONDS = 15.0
_AGAIN = frozenset({408, 409, 425, 429})
"""Besides 5xx: asking again may help."""
_AGAIN_TYPES = frozenset({"overloaded_error", "rate_limit_error", "api_error", "timeout_error"})


def make(settings: Settings, argument: str = "") -> Driver:
    """The driver. Raises ConfigError without a key, or with an endpoint that the key can't be sent to safely."""
    if argument:
        raise ConfigError("The driver `claude` takes no argument.", "the model is set by `claude.model` in workbench.toml")
    endpoint = SdkEndpoint(settings.claude)

    def decide(turn: Turn) -> Answer:
        return converse(turn, Asking(turn, endpoint))

    return decide


class SdkEndpoint:
    """One Anthropic-compatible endpoint; a call is one attempt, streamed."""

    def __init__(self, settings: ClaudeSettings) -> None:
        self._settings = settings
        if not settings.api_key.get_secret_value():
            raise ConfigError(
                "The driver `claude` needs a key, and ANTHROPIC_API_KEY is not set.",
                "set it in the environment (never in workbench.toml), or use --driver playbook, which needs none",
            )
        self._url = settings.base_url or PUBLIC
        parts = urlsplit(self._url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            raise ConfigError("ANTHROPIC_BASE_URL is not an https:// address.", "only a server on this machine may be http://")

    @cached_property
    def _client(self) -> anthropic.Anthropic:
        import anthropic
        import httpx2

        # Asking again is ours, because it is on record and within the budgets; and a key follows no redirect.
        return anthropic.Anthropic(
            api_key=self._settings.api_key.get_secret_value(),
            base_url=self._url,
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(
                follow_redirects=False, timeout=httpx2.Timeout(self._settings.timeout_seconds, connect=_CONNECT_SECONDS)
            ),
        )

    def __call__(self, request: Mapping[str, Any], *, words: Callable[[str], None], seconds: float) -> dict[str, Any]:
        """The whole answer. Raises Busy or Cut where asking again may help, ConfigError where it won't."""
        import anthropic
        import httpx2

        deadline = time.monotonic() + seconds
        messages: Any = self._client.messages
        more: dict[str, Any] = {}
        if "context_management" in request:
            messages, more = self._client.beta.messages, {"betas": [CONTEXT_EDITING]}
        timeout = httpx2.Timeout(max(seconds, 1.0), connect=min(_CONNECT_SECONDS, max(seconds, 1.0)))
        try:
            with messages.create(**request, **more, stream=True, timeout=timeout) as stream:
                return read(_events(stream, deadline), words)
        except anthropic.APIStatusError as error:
            if _too_long(error):
                return TOO_LONG
            raise _of_status(error) from None
        except anthropic.APIConnectionError as error:
            raise Busy("the connection failed" if not isinstance(error, anthropic.APITimeoutError) else "it timed out") from None
        except anthropic.APIError as error:
            raise Cut(f"the answer can't be read ({type(error).__name__})", {}) from None


def _events(stream: Any, deadline: float) -> Iterator[Mapping[str, Any]]:
    """The events that arrive. A stream that breaks off, or stops being one, just ends: the reader knows what is missing."""
    import httpx2

    with suppress(httpx2.HTTPError, httpx2.StreamError, ValueError):
        for event in stream:
            if time.monotonic() > deadline:
                return
            yield event.to_dict(mode="json") if hasattr(event, "to_dict") else event


def _too_long(error: anthropic.APIStatusError) -> bool:
    return error.status_code == 413 or (error.status_code == 400 and "prompt is too long" in str(error.api_message or "").lower())


def _of_status(error: anthropic.APIStatusError) -> Exception:
    """What an error status means here; the endpoint's own words are shown, cut, and never its headers."""
    status = error.status_code
    said = " ".join(str(error.api_message or error.type or "").split())[:300] or "it gave no reason"
    if status in _AGAIN or status >= 500 or error.type in _AGAIN_TYPES:
        return Busy(f"{status} {said}", _retry_after(error.response.headers))
    if status in (401, 403):
        return ConfigError(f"The model's endpoint refuses the key ({status}): {said}.", "look at ANTHROPIC_API_KEY")
    if status == 404:
        return ConfigError(f"The model's endpoint doesn't know what was asked for (404): {said}.", "look at `claude.model`")
    if status == 402:
        return ConfigError(f"The account at the model's endpoint has no credit (402): {said}.", "look at its billing")
    return ConfigError(f"The model's endpoint refuses the request ({status}): {said}.", "look at `[claude]` in workbench.toml")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, where the endpoint says so: in milliseconds, in seconds, or as a date."""
    try:
        if headers.get("retry-after-ms"):
            return max(float(headers["retry-after-ms"]) / 1000, 0.0)
        value = headers.get("retry-after", "")
        if not value:
            return None
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
