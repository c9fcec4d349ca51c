"""Git, read safely: trees, refs, commits and work trees; the only package that runs git or imports its object database.

Only plumbing is run, in an empty environment and with everything switched off that a repository could use to hide
something or to run something (hooks, filters, attributes, text conversion, replace refs, fsmonitor, pagers, lazy fetch).
What a work tree contains is read from the file system here. Nothing in this package knows what a change means.
"""

from workbench.repo.bundles import Bundle, read_bundle, scratch_repository, take_in, write_bundle
from workbench.repo.history import Commit, Identity
from workbench.repo.objects import DIRECTORY, EXECUTABLE, FILE, SUBMODULE, SYMLINK, ZERO, Difference, Entry
from workbench.repo.worktree import NOT_WORK, TOOL_CACHES, Repo

__all__ = [
    "DIRECTORY",
    "EXECUTABLE",
    "FILE",
    "NOT_WORK",
    "SUBMODULE",
    "SYMLINK",
    "TOOL_CACHES",
    "ZERO",
    "Bundle",
    "Commit",
    "Difference",
    "Entry",
    "Identity",
    "Repo",
    "read_bundle",
    "scratch_repository",
    "take_in",
    "write_bundle",
]
