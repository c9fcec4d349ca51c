"""`workbench status`: what is in production and was, who moved it, on what evidence; looks and changes nothing."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.releases import Shop, shop, shop_template
from workbench.cli.main import main
from workbench.errors import ExitCode
from workbench.release import history

__all__ = ["shop", "shop_template"]


def status(shop: Shop, *argv: str) -> ExitCode:
    return main(["-C", str(shop.settings.root), "status", "shop", *argv])


def report(shop: Shop, capsys: pytest.CaptureFixture[str], *argv: str, code: ExitCode = ExitCode.OK) -> dict[str, Any]:
    assert status(shop, "--json", *argv) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_nothing_yet(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(shop) == ExitCode.OK
    assert "versions: none" in capsys.readouterr().out


def test_versions_aliases_and_history(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.released(5, mae=2.0)
    between = datetime.now(UTC).isoformat()
    shop.released(20, mae=1.0)
    before = history.path_of(shop.settings, "shop").read_bytes()
    found = report(shop, capsys, "--at", between)
    assert found["format"] == 1 and [v["version"] for v in found["versions"]] == [1, 2]
    assert found["versions"][0]["decision"] == "allowed by policy" and found["versions"][0]["code_tree"] == shop.tree
    assert {a["alias"]: (a["recorded"], a["actual"]) for a in found["aliases"]} == {"staging": (2, 2), "champion": (2, 2)}
    assert [(f["alias"], f["after"], f["actor"]) for f in found["history"]] == [
        ("staging", 1, "ana@shop.example"),
        ("champion", 1, "ana@shop.example"),
        ("staging", 2, "ana@shop.example"),
        ("champion", 2, "ana@shop.example"),
    ]
    assert found["at"]["champion"]["after"] == 1 and found["corrupt"] == []
    assert history.path_of(shop.settings, "shop").read_bytes() == before
    assert status(shop, "--at", between) == ExitCode.OK
    assert "then, champion was: version 1" in capsys.readouterr().out


def test_an_alias_moved_past_the_workbench_and_a_changed_model_are_findings(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.released(5, mae=2.0)
    shop.released(20, mae=1.0)
    registry = shop.registry()
    registry.set_alias("shop", "champion", 1)
    found = report(shop, capsys, code=ExitCode.FINDINGS)
    assert [(a["recorded"], a["actual"]) for a in found["aliases"] if a["moved_outside"]] == [(2, 1)]
    registry.set_alias("shop", "champion", 2)
    registry.model_file(registry.version("shop", 1)).write_text("other")
    found = report(shop, capsys, code=ExitCode.FINDINGS)
    assert [v["version"] for v in found["versions"]] == [2] and "version 1" in found["corrupt"][0]
    assert status(shop) == ExitCode.FINDINGS
    assert "was changed" in capsys.readouterr().out


def test_what_cannot_be_answered_is_a_usage_error(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(shop, "--at", "yesterday") == ExitCode.USAGE
    assert main(["-C", str(shop.settings.root), "status", "bakery"]) == ExitCode.USAGE
    assert "there is: shop" in capsys.readouterr().err
