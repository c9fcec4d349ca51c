"""Promotion and rollback: demands on exactly this version, history first, kills in between, aliases moved by others."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.releases import GATES, Shop
from workbench.errors import Corrupt, Refusal, UsageError
from workbench.release import history
from workbench.release.history import Flip, Flips
from workbench.release.lineage import Scores
from workbench.release.promotion import promote, standing
from workbench.release.registry import Registry
from workbench.release.rollback import rollback


def flips(shop: Shop) -> Flips:
    return history.flips(history.read(shop.settings, "shop"))


def roll(shop: Shop, **more: Any) -> Flip:
    more.setdefault("registry", shop.registry())
    return rollback(shop.settings, "shop", actor="bo@shop.example", reason="errors in the canary", **more)


def test_staging_then_champion_with_actor_reason_and_evidence(shop: Shop) -> None:
    registry = shop.registry()
    version = registry.register(shop.build(5))
    shop.promote(version.version, "staging", registry)
    evidence = {"session": "from the caller", "ticket": "12"}
    flip = promote(shop.settings, "shop", version.version, "champion", actor="ana", reason="better", evidence=evidence)
    assert registry.aliases("shop") == {"staging": version.version, "champion": version.version}
    assert (flip.before, flip.after, flip.actor, flip.reason, flip.move) == (None, 1, "ana", "better", "promote")
    assert flip.evidence["model_sha256"] == version.lineage.model_sha256 and flip.evidence["ticket"] == "12"
    assert flip.evidence["session"] == "session-5", "what was verified wins over what the caller says"
    assert "baseline (mean) 5" in flip.evidence["metric"]


def test_what_was_in_production_at_a_time(shop: Shop) -> None:
    before = datetime.now(UTC)
    shop.released(5, mae=2.0)
    between = datetime.now(UTC)
    shop.released(20, mae=1.0)
    found = flips(shop)
    assert found.at("champion", before) is None
    first, second = found.at("champion", between), found.at("champion", datetime.now(UTC))
    assert first is not None and first.after == 1 and second is not None and second.after == 2


def test_a_champion_has_to_be_in_staging_first(shop: Shop) -> None:
    version = shop.registry().register(shop.build(5))
    with pytest.raises(Refusal, match="isn't in staging") as refusal:
        shop.promote(version.version, "champion")
    assert "--to staging" in refusal.value.hint
    assert shop.registry().aliases("shop") == {} and flips(shop).flips == []


@pytest.mark.parametrize("mae", [2.0, 2.5])
def test_not_better_than_the_champion_is_no_promotion(shop: Shop, mae: float) -> None:
    shop.released(5, mae=2.0)
    shop.registry().register(shop.build(20, mae=mae))
    shop.promote(2, "staging")
    with pytest.raises(Refusal, match="isn't better than the champion"):
        shop.promote(2, "champion")
    assert shop.registry().alias("shop", "champion") == 1


def test_the_first_champion_has_to_beat_the_baseline_by_the_margin(shop: Shop) -> None:
    shop.registry().register(shop.build(5, mae=4.95))
    shop.promote(1, "staging")
    with pytest.raises(Refusal, match="baseline by the margin"):
        shop.promote(1, "champion")


def test_another_metric_is_not_compared(shop: Shop) -> None:
    shop.released(5)
    shop.registry().register(shop.build(20, scores=Scores(primary="rmse", direction="minimize", value=0.1)))
    shop.promote(2, "staging")
    with pytest.raises(Refusal, match="can't be compared"):
        shop.promote(2, "champion")


@pytest.mark.parametrize("missing", [("schema",), ("metric",), ("features",), ("split", "fit")])
def test_a_gate_that_did_not_run_is_no_pass(shop: Shop, missing: tuple[str, ...]) -> None:
    gates = [{"name": name, "status": "pass"} for name in GATES if name not in missing]
    shop.registry().register(shop.build(5, report=shop.report(gates=gates)))
    with pytest.raises(Refusal, match=f"gates {', '.join(missing)} didn't run"):
        shop.promote(1, "staging")


def test_a_gate_that_was_asked_and_has_no_subject_is_not_demanded(shop: Shop) -> None:
    gates = [{"name": name, "status": "pass"} for name in GATES if name != "schema"]
    report = shop.report(gates=gates, inapplicable={"schema": "nothing is declared"})
    shop.registry().register(shop.build(5, report=report))
    assert shop.promote(1, "staging").after == 1


def test_a_swapped_model_file_is_not_promoted(shop: Shop) -> None:
    registry = shop.registry()
    version = registry.register(shop.build(5))
    registry.model_file(version).write_bytes((shop.models / "20.txt").read_bytes())
    with pytest.raises(Corrupt):
        shop.promote(1, "staging")
    assert registry.aliases("shop") == {}


@pytest.mark.parametrize(
    ("version", "alias", "actor", "reason"),
    [(1, "production", "ana", "x"), (9, "staging", "ana", "x"), (1, "staging", " ", "x"), (1, "staging", "ana", "")],
)
def test_what_makes_no_sense_is_a_usage_error(shop: Shop, version: int, alias: str, actor: str, reason: str) -> None:
    shop.registry().register(shop.build(5))
    with pytest.raises(UsageError) as error:
        promote(shop.settings, "shop", version, alias, actor=actor, reason=reason)
    assert error.value.hint and flips(shop).flips == []


def test_promoting_again_is_the_same_move(shop: Shop) -> None:
    shop.released(5)
    first = flips(shop)
    assert shop.promote(1, "champion") == first.flips[-1]
    assert flips(shop) == first


def test_rollback_goes_back_by_the_history_and_further_each_time(shop: Shop) -> None:
    for rounds, mae in ((5, 3.0), (20, 2.0)):
        shop.released(rounds, mae=mae)
    shop.registry().register(shop.build(5, mae=1.0, session="third"))
    shop.promote(3, "staging")
    shop.promote(3, "champion")
    flip = roll(shop)
    assert (flip.before, flip.after, flip.move, flip.actor) == (3, 2, "rollback", "bo@shop.example")
    assert roll(shop).after == 1
    with pytest.raises(Refusal, match="first champion"):
        roll(shop)
    assert shop.registry().alias("shop", "champion") == 1


def test_rollback_without_a_champion_or_to_a_damaged_model_is_refused(shop: Shop) -> None:
    with pytest.raises(Refusal, match="no champion"):
        roll(shop)
    shop.released(5, mae=2.0)
    shop.released(20, mae=1.0)
    registry = shop.registry()
    registry.model_file(registry.version("shop", 1)).write_text("tree")
    with pytest.raises(Corrupt):
        roll(shop)
    assert registry.alias("shop", "champion") == 2


def test_an_alias_moved_past_the_workbench_is_noticed_and_only_put_back(shop: Shop) -> None:
    shop.released(5, mae=2.0)
    registry = shop.registry()
    registry.register(shop.build(20, mae=1.0))
    shop.promote(2, "staging")
    registry._client.set_registered_model_alias("shop", "champion", "2")
    assert standing(shop.settings, registry, "shop", "champion").moved_outside
    for move in (lambda: shop.promote(2, "champion"), lambda: roll(shop)):
        with pytest.raises(Refusal, match="moved past the workbench") as refusal:
            move()
        assert "--version 1 --to champion" in refusal.value.hint
    flip = shop.promote(1, "champion")
    assert (flip.move, flip.before, flip.after, flip.evidence["displaced"]) == ("put-back", 2, 1, "2")
    assert registry.alias("shop", "champion") == 1
    assert shop.promote(2, "champion").move == "promote"
    assert roll(shop).after == 1


def test_an_alias_that_somebody_deleted_is_put_back(shop: Shop) -> None:
    shop.released(5)
    registry = shop.registry()
    registry.delete_alias("shop", "champion")
    with pytest.raises(Refusal, match="it is gone"):
        roll(shop)
    assert shop.promote(1, "champion").move == "put-back"
    assert registry.alias("shop", "champion") == 1


def test_a_history_that_was_changed_stops_everything(shop: Shop) -> None:
    shop.released(5)
    path = history.path_of(shop.settings, "shop")
    text = path.read_text()
    path.write_text(text.replace("ana@shop.example", "eve@shop.example", 1))
    with pytest.raises(Corrupt, match="line 3"):
        roll(shop)
    path.write_text("".join(text.splitlines(keepends=True)[1:]))
    with pytest.raises(Corrupt, match="line 1"):
        shop.promote(1, "staging")


KILLED = """
import os, signal, sys
from pathlib import Path
from workbench.release import history, promotion, registry
from workbench.settings import load_settings

def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)

registry.Registry.set_alias = die
settings = load_settings(Path(sys.argv[1]), {})
promotion.promote(settings, "shop", 2, "champion", actor="ana@shop.example", reason="killed")
"""


class Killed(BaseException):
    """Ends the process as far as the code is concerned; nothing catches it."""


def two_versions(shop: Shop) -> None:
    shop.released(5, mae=2.0)
    shop.registry().register(shop.build(20, mae=1.0))
    shop.promote(2, "staging")


def assert_halfway(shop: Shop, where: str) -> None:
    now = standing(shop.settings, shop.registry(), "shop", "champion")
    assert now.actual == (1 if where == "before the move" else 2) and not now.moved_outside and now.pending is not None


def assert_ended(shop: Shop) -> None:
    assert flips(shop).pending() is None
    assert len([flip for flip in flips(shop).flips if flip.alias == "champion" and flip.after == 2]) == 1


def test_a_sigkill_between_intent_and_move_is_rolled_forward(shop: Shop) -> None:
    two_versions(shop)
    done = subprocess.run([sys.executable, "-c", KILLED, str(shop.settings.root)], timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL
    assert_halfway(shop, "before the move")
    assert shop.promote(2, "champion").reason == "killed"
    assert shop.registry().alias("shop", "champion") == 2
    assert_ended(shop)


@pytest.mark.parametrize("where", ["before the move", "after the move"])
@pytest.mark.parametrize("then", ["promote", "rollback"])
def test_a_move_that_ended_halfway_is_finished_by_whatever_comes_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str, then: str
) -> None:
    two_versions(shop)
    move = Registry.set_alias

    def killed(registry: Registry, *given: Any) -> None:
        if where == "after the move":
            move(registry, *given)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Registry, "set_alias", killed)
        shop.promote(2, "champion")
    assert_halfway(shop, where)
    if then == "promote":
        assert shop.promote(2, "champion").after == 2
    else:
        flip = roll(shop)
        assert (flip.before, flip.after) == (2, 1)
    assert shop.registry().alias("shop", "champion") == (2 if then == "promote" else 1)
    assert_ended(shop)


def test_a_torn_last_line_was_never_acknowledged(shop: Shop) -> None:
    shop.released(5)
    path = history.path_of(shop.settings, "shop")
    whole = history.read(shop.settings, "shop")
    with path.open("ab") as file:
        file.write(b'{"seq":99,"kind":"don')
    assert history.read(shop.settings, "shop") == whole
    shop.registry().register(shop.build(20))
    assert len(history.read(shop.settings, "shop")) == len(whole) + 1
    assert path.read_bytes().endswith(b"}\n")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.integers(1, 6), st.just("back")), max_size=12))
def test_rollback_follows_a_stack_whatever_came_before(moves: list[Any]) -> None:
    made: list[Flip] = []
    stack: list[int] = []
    when = datetime.now(UTC)
    for move in moves:
        found = Flips(flips=made).previous("champion")
        assert found == (stack[-2] if len(stack) > 1 else None)
        if move == "back" and found is None:
            continue
        after = found if move == "back" else move
        assert isinstance(after, int)
        stack = stack[:-1] if move == "back" else [*stack, after]
        kind = "rollback" if move == "back" else "promote"
        shared = {"model_sha256": "", "actor": "a", "reason": "r", "evidence": {}, "intended": when, "done": when}
        made.append(Flip(id=os.urandom(4).hex(), move=kind, alias="champion", before=None, after=after, **shared))
    assert Flips(flips=made).recorded("champion") == (stack[-1] if stack else None)


@pytest.mark.parametrize(
    ("direction", "value", "other", "margin", "better"),
    [
        ("minimize", 9.79, 10.0, 0.02, True),
        ("minimize", 9.9, 10.0, 0.02, False),
        ("minimize", 10.0, 10.0, 0.0, False),
        ("maximize", 0.83, 0.80, 0.02, True),
        ("maximize", 0.80, 0.83, 0.0, False),
        ("maximize", -1.0, -2.0, 0.02, True),
        ("minimize", 1.0, float("nan"), 0.02, False),
        ("maximize", 0.83, 0.80, 0.04, False),
        ("maximize", 0.5, 0.0, 0.02, True),
        ("maximize", 0.0, 0.0, 0.0, False),
    ],
)
def test_better_means_better_in_the_metrics_own_direction(
    direction: Any, value: float, other: float, margin: float, better: bool
) -> None:
    scores = Scores(primary="m", direction=direction, value=value)
    assert scores.better_than(other, margin) is better
