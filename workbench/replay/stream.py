"""The normalised event stream: what of a session has to come out byte for byte the same when it is told anew.

One line an event, in the form in which events are written. Left out is what says when and how long, not what: `at`, `prev` (it
chains the times), `seconds`, and at any depth inside what was kept what `sessions.compare` calls incidental. A blob stands
for its content without that, a commit on the branch for its tree (it holds a time), a place in the queue for nothing (so does
it; the digest says what lies there), and a count of looks at the test only for those of the session itself: the others' are not
part of it. What came to the format after a session was recorded isn't held against it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from workbench.sessions.compare import Difference, first_difference, without_incidental
from workbench.sessions.events import Applied, Event, Queued, Touch, blobs_of
from workbench.sessions.header import canonical, sha256

LEFT_OUT = ("at", "prev", "seconds")
_OF_OTHERS = ("looks",)

Blob = Callable[[str], bytes]
TreeOf = Callable[[str], str]


class Normal:
    """Normalises the events of one session; `blob` reads what they refer to, `tree_of` a commit's tree."""

    def __init__(self, blob: Blob, tree_of: TreeOf) -> None:
        self._blob, self._tree_of = blob, tree_of
        self._known: dict[str, str] = {}

    def value(self, event: Event) -> dict[str, Any]:
        """The event as a JSON value of the stream."""
        kept = event.model_dump(mode="json", exclude=set(LEFT_OUT))
        known = event.model_fields_set | {"kind"}
        kept = {key: value for key, value in kept.items() if key in known}
        for field, name in blobs_of(event).items():
            kept[field] = self._content(name)
        if isinstance(event, Applied):
            kept["commit"] = self._tree_of(event.commit)
        if isinstance(event, Queued):
            kept.pop("commit", None)
        if isinstance(event, Touch):
            kept = {key: value for key, value in kept.items() if key not in _OF_OTHERS}
        return kept

    def lines(self, events: Iterable[Event]) -> list[bytes]:
        """The stream, a line an event."""
        return [canonical(self.value(event)).encode() for event in events]

    def _content(self, name: str) -> str:
        if name not in self._known:
            content = self._blob(name)
            with suppress(ValueError):  # not JSON, or with a number that JSON doesn't have: as it is
                content = canonical(without_incidental(json.loads(content))).encode()
            self._known[name] = sha256(content)
        return self._known[name]


def difference(recorded: dict[str, Any] | None, told: dict[str, Any] | None) -> Difference | None:
    """Where two events of the stream first differ; None where they are the same."""
    if recorded is None or told is None:
        return None if recorded == told else Difference("", recorded or "(nothing)", told or "(nothing)")
    return first_difference(recorded, told)
