"""`workbench promote` and `workbench rollback` from the outside: exit codes, sentences, JSON."""

import json
from typing import Any

import pytest

from tests.releases import Shop, shop, shop_template
from workbench.cli.main import main
from workbench.errors import ExitCode

__all__ = ["shop", "shop_template"]


def call(shop: Shop, *argv: str) -> ExitCode:
    return main(["-C", str(shop.settings.root), *argv])


def promoted(shop: Shop, version: int, alias: str) -> ExitCode:
    return call(shop, "promote", "shop", "--version", str(version), "--to", alias, "--reason", "better", "--actor", "ana")


def test_promote_and_roll_back(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.released(5, mae=2.0)
    shop.registry().register(shop.build(20, mae=1.0))
    assert promoted(shop, 2, "staging") == ExitCode.OK
    assert promoted(shop, 2, "champion") == ExitCode.OK
    out = capsys.readouterr().out
    assert "champion is version 2 (was version 1), promote by ana" in out
    assert call(shop, "--json", "rollback", "shop", "--reason", "slow", "--actor", "bo") == ExitCode.OK
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["format"] == 1 and report["use_case"] == "shop"
    flip = report["flip"]
    assert (flip["move"], flip["before"], flip["after"], flip["actor"], flip["reason"]) == ("rollback", 2, 1, "bo", "slow")
    assert call(shop, "rollback", "shop", "--reason", "again") == ExitCode.FINDINGS
    assert "no version before it" in capsys.readouterr().err


def test_a_demand_that_is_not_met_is_exit_1_with_its_reason(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.registry().register(shop.build(5))
    assert promoted(shop, 1, "champion") == ExitCode.FINDINGS
    err = capsys.readouterr().err
    assert "isn't in staging" in err and "hint: `workbench promote shop --version 1 --to staging" in err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["promote", "shop", "--version", "4", "--to", "staging", "--reason", "x"], "no version 4"),
        (["promote", "shop", "--version", "1", "--to", "prod", "--reason", "x"], "`prod` is not an alias"),
        (["promote", "shop", "--version", "1", "--to", "staging", "--reason", " "], "who makes it, and why"),
        (["promote", "shop", "--version", "one", "--to", "staging", "--reason", "x"], "invalid int value"),
        (["promote", "shop", "--version", "1", "--to", "staging"], "--reason"),
        (["promote", "../shop", "--version", "1", "--to", "staging", "--reason", "x"], "can't be the name of a use case"),
        (["rollback", "sh'op", "--reason", "x"], "can't be the name of a use case"),
    ],
)
def test_usage(shop: Shop, capsys: pytest.CaptureFixture[str], argv: list[str], words: str) -> None:
    shop.registry().register(shop.build(5))
    assert call(shop, *argv) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert words in captured.err and captured.out == "" and "Traceback" not in captured.err


def test_text_from_outside_cannot_paint_the_screen(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.registry().register(shop.build(5))
    argv = ["promote", "shop", "--version", "1", "--to", "staging", "--reason", "\x1b[2Jgone", "--actor", "ana\x1b[31m"]
    assert call(shop, *argv) == ExitCode.OK
    assert call(shop, "status", "shop") == ExitCode.OK
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err and "\\x1b[2Jgone" in captured.out
