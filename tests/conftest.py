"""For all tests: property-based ones have no deadline, because machines are shared and noisy."""

from hypothesis import settings

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
