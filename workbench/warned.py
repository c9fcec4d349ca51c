"""What libraries warn about, treated in another way for a block. The interpreter's filters are those of all threads."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def filtered(action: Literal["ignore", "error"], category: type[Warning] = Warning) -> Iterator[None]:
    """Warnings of that category are ignored, or raised, inside the block; one thread at a time, so that none undoes another's."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter(action, category)
        yield
