"""For all tests: property-based ones have no deadline, because machines are shared and noisy."""

from hypothesis import settings

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

collect_ignore_glob = ["corpus/snippets/*"]
"""Scripts that the static rules read; some are called `*_test.py`, none is a test."""
