"""Rollback: the champion back to the version before it, by the release history and not by the registry's word.

One alias move; a running `workbench serve` notices it and switches without dropping a request. It needs no person, and
no gate: what it goes back to has been champion before, and its file is verified before the move.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.release import promotion
from workbench.release.history import Flip
from workbench.release.registry import Registry
from workbench.settings import Settings


def rollback(
    settings: Settings,
    use_case: str,
    *,
    actor: str,
    reason: str,
    alias: str = "champion",
    registry: Registry | None = None,
    progress: Callable[[str], None] | None = None,
) -> Flip:
    """Points `alias` at the version that stood there before; a second rollback goes one further back, not forth again.

    Raises Refusal where there is no version before it or the alias was moved outside, Corrupt where the earlier model
    isn't what was registered.
    """
    registry = registry or Registry(settings, progress=progress)
    return promotion.roll_back(settings, registry, use_case, alias, actor=actor, reason=reason)
