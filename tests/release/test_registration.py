"""From an accepted code tree to a champion that answers: the real pipeline, the real audit, the real registry."""

import pytest

from tests.releases import Shop
from workbench.errors import Refusal
from workbench.gates.audit import audit
from workbench.pipeline.checkouts import check_out
from workbench.release.approved_code import Checkouts
from workbench.release.following import Follower
from workbench.release.online import plain
from workbench.release.prediction_request import Key
from workbench.release.registration import register_tree
from workbench.report.model import AuditReport


@pytest.fixture(scope="module")
def report(shop_template: Shop, tmp_path_factory: pytest.TempPathFactory) -> AuditReport:
    """The audit of the template's tree."""
    root = tmp_path_factory.mktemp("audited") / "tree"
    check_out(shop_template.settings, shop_template.tree, root)
    return audit(shop_template.settings, "shop", root=root)


def test_an_audited_tree_becomes_a_champion_that_answers(shop: Shop, report: AuditReport) -> None:
    assert report.verdict == "pass", report.findings
    given = {"session": "2026-11-20-shop-1", "signoffs": [], "skills": {"build": "0.1.0"}}
    version = register_tree(shop.settings, "shop", shop.tree, report=report, **given)
    assert register_tree(shop.settings, "shop", shop.tree, report=report, **given) == version
    lineage = version.lineage
    assert lineage.scores is not None and lineage.scores.value == report.scores["mae"]
    assert lineage.scores.baseline_value == report.scores["mae of mean"] and lineage.scores.better_than(
        lineage.scores.baseline_value
    )
    assert [feature.name for feature in lineage.features] == ["lag_48h", "mean_23h", "price", "size", "hour_of_day"]
    for alias in ("staging", "champion"):
        shop.promote(version.version, alias)
    with Checkouts(shop.settings) as checkouts:
        model = Follower(shop.settings, "shop", checkouts).model
        frame = model.world.code.frame(model.world.tables)
        row = frame.iloc[[-1]]
        answer = model.answer(Key((row["store"].item(),), row["hour"].dt.tz_localize("UTC").item().to_pydatetime()))
        assert answer.features == {name: plain(row[name].item()) for name in answer.features}
        assert abs(answer.prediction - row["units"].item()) < 10


def test_a_report_that_is_no_pass_or_on_other_code_registers_nothing(shop: Shop, report: AuditReport) -> None:
    given = {"session": "s", "signoffs": [], "skills": {"build": "0.1.0"}}
    with pytest.raises(Refusal, match="didn't pass"):
        register_tree(shop.settings, "shop", shop.tree, report=report.model_copy(update={"verdict": "fail"}), **given)
    other = report.model_copy(update={"code_digest": "0" * 64})
    with pytest.raises(Refusal, match="another code tree"):
        register_tree(shop.settings, "shop", shop.tree, report=other, **given)
    lacking = report.model_copy(update={"scores": {}})
    with pytest.raises(Refusal, match="no figure for mae"):
        register_tree(shop.settings, "shop", shop.tree, report=lacking, **given)
    assert shop.registry().versions("shop") == []
