"""Fixtures of the release tests; `tests/releases.py` makes them."""

from tests.releases import shop, shop_template

__all__ = ["shop", "shop_template"]
