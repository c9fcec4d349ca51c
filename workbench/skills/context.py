"""What a skill is given to work with besides its input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.settings import Settings


@dataclass(frozen=True)
class SkillContext:
    """Where a skill works.

    `root` is the code tree that it works on (a checkout of a change, or the workspace itself); skills themselves always
    come from `settings.root`. `stopped` is asked now and then by whoever waits for the skill: true ends it.
    """

    settings: Settings
    root: Path
    use_case: str = ""
    tree: str = ""
    """Git tree id of `root`, where the caller knows it."""
    progress: Callable[[str], None] | None = None
    stopped: Callable[[], bool] | None = None

    def say(self, text: str) -> None:
        """Reports progress where somebody listens."""
        if self.progress is not None:
            self.progress(text)
