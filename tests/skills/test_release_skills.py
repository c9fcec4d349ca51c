"""The skills `promote` and `rollback` on a real registry."""

from tests.releases import Shop, shop, shop_template
from workbench.testing import skill_context

__all__ = ["shop", "shop_template"]


def test_promote_and_rollback_move_the_alias_and_say_from_where(shop: Shop) -> None:
    from skills.promote.skill import Input as Promotion
    from skills.promote.skill import run as promote
    from skills.rollback.skill import Input as Rollback
    from skills.rollback.skill import run as rollback

    shop.released(5, mae=2.0)
    second = shop.registry().register(shop.build(20, mae=1.0))
    context = skill_context(shop.settings.root, "shop")
    for alias in ("staging", "champion"):
        moved = promote(context, Promotion(version=second.version, alias=alias, reason="better"))
        assert (moved.version, moved.alias, moved.previous) == ("2", alias, "1")
    back = rollback(context, Rollback(reason="slower"))
    assert (back.version, back.alias, back.previous) == ("1", "champion", "2")
