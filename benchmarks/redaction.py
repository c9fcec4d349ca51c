"""What redaction takes out of ordinary text: this repository's own files, of which nothing is a secret.

    python benchmarks/redaction.py

A line for each kind: how many places, in how many files; then the share of characters, and the time a megabyte takes. The
canaries that must be found are a test (`tests/sessions/test_redact.py`).
"""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from pathlib import Path

from workbench.sessions.redact import Redactor

ROOT = Path(__file__).parents[1]
_MARK = re.compile(r"\[redacted:([a-z0-9-]+)\]")
_ABOUT = ("tests/sessions/test_redact.py", "workbench/sessions/forms.py")
"""Files that are about secrets."""


def main() -> None:
    """Prints the table."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    wanted = [name for name in listed if name.endswith((".py", ".md", ".toml", ".txt", ".json", ".yml")) and name not in _ABOUT]
    redactor = Redactor()
    places: Counter[str] = Counter()
    files: dict[str, set[str]] = {}
    characters = 0
    begin = time.perf_counter()
    for name in wanted:
        text = (ROOT / name).read_text("utf-8", "replace")
        characters += len(text)
        before, after = Counter(_MARK.findall(text)), Counter(_MARK.findall(redactor.text(text)))
        for kind, count in (after - before).items():
            places[kind] += count
            files.setdefault(kind, set()).add(name)
    seconds = time.perf_counter() - begin
    for kind, count in places.most_common():
        print(f"{kind:<20}{count:>5} places in {len(files[kind])} files, such as {sorted(files[kind])[0]}")
    cost = f"{seconds / characters * 1e6:.2f} s a megabyte"
    print(f"{len(wanted):,} files, {characters:,} characters: {sum(places.values())} places; {cost}")


if __name__ == "__main__":
    main()
