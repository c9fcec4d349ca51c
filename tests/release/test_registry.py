"""The registry: whole lineage or nothing, the same build once, files that are what was registered."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.releases import Shop
from workbench.errors import Corrupt, ExitCode, Refusal, UsageError
from workbench.release import history
from workbench.release.lineage import ModelBuild
from workbench.release.registry import Registry
from workbench.settings import load_settings


def test_a_registered_version_carries_its_whole_lineage(shop: Shop) -> None:
    build = shop.build(5, decision="signed", signoffs=["0123456789ab"])
    version = shop.registry().register(build)
    again = shop.registry().version("shop", version.version)
    assert again == version
    lineage = again.lineage
    assert (lineage.code_tree, lineage.contract_digest, lineage.session) == (shop.tree, shop.contract_digest, "session-5")
    assert lineage.skills == {"build": "0.1.0"} and lineage.signoffs == ["0123456789ab"]
    assert lineage.gate_report_sha256 == hashlib.sha256(build.gate_report).hexdigest()
    assert shop.registry().gate_report(again) == build.gate_report
    assert [feature.name for feature in lineage.features] == ["lag_48h", "mean_23h", "price", "size", "hour_of_day"]
    assert shop.registry().read_model(again) == (shop.models / "5.txt").read_bytes()
    assert shop.registry().model_file(again).name == "model.txt"


def test_mlflow_shows_the_lineage_as_tags_params_metrics_and_artifacts(shop: Shop) -> None:
    registry = shop.registry()
    version = registry.register(shop.build(5, decision="signed", signoffs=["0123456789ab"]))
    run = registry._client.get_run(version.run_id)
    assert run.data.params["rounds"] == "5" and run.data.metrics["mae"] == 2.0 and run.info.status == "FINISHED"
    stored = registry._client.get_model_version("shop", str(version.version))
    assert stored.tags["workbench.code_tree"] == shop.tree and stored.tags["workbench.signoffs"] == "0123456789ab"
    names = {Path(entry.path).name for entry in registry._client.list_artifacts(version.run_id, "workbench")}
    assert names == {"model.txt", "schema.json", "example.json", "gate-report.json", "lineage.json"}


def test_the_same_build_registered_again_is_the_version_that_is_there(shop: Shop) -> None:
    first = shop.registry().register(shop.build(5))
    assert Registry(shop.settings).register(shop.build(5)) == first
    other_session = shop.registry().register(shop.build(5, session="another"))
    assert other_session.version != first.version
    assert [v.version for v in shop.registry().versions("shop")] == [first.version, other_session.version]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"code_tree": ""}, "code tree"),
        ({"code_tree": "HEAD"}, "code tree"),
        ({"contract_digest": ""}, "contract digest"),
        ({"session": ""}, "session"),
        ({"decision": "signed"}, "sign-off"),
        ({"decision": "signed", "signoffs": [""]}, "sign-off"),
        ({"skills": {}}, "skills"),
        ({"features": []}, "features"),
        ({"example": {}}, "example"),
        ({"model_sha256": "abc"}, "SHA-256"),
        ({"gate_report": b""}, "gate report"),
        ({"flavor": "sklearn"}, "safe to load"),
    ],
)
def test_an_incomplete_lineage_is_refused_and_leaves_nothing(shop: Shop, changed: dict[str, Any], words: str) -> None:
    registry = shop.registry()
    with pytest.raises(Refusal, match=words) as refusal:
        registry.register(shop.build(5, **changed))
    assert refusal.value.hint and refusal.value.code is ExitCode.FINDINGS
    assert registry.versions("shop") == [] and history.read(shop.settings, "shop") == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"verdict": "fail"}, "didn't pass"),
        ({"verdict": "error"}, "didn't pass"),
        ({"code_digest": "e" * 64}, "another code tree"),
        ({"contract_digest": "0" * 64}, "another contract"),
        ({"use_case": "bakery"}, "another use case"),
        ({"gates": []}, "not of"),
        ({"gates": [{"name": "fit", "status": "not exercised"}]}, "not of: fit"),
        ({"gates": "all fine"}, "can't be read"),
    ],
)
def test_only_a_pass_on_exactly_this_code_is_registered(shop: Shop, changed: dict[str, Any], words: str) -> None:
    registry = shop.registry()
    with pytest.raises(Refusal, match=words):
        registry.register(shop.build(5, report=shop.report(**changed)))
    assert registry.versions("shop") == []


def test_a_model_file_that_is_not_the_fitted_one_is_not_registered(shop: Shop) -> None:
    with pytest.raises(Corrupt, match="isn't the model that was fitted"):
        shop.registry().register(shop.build(5, model=shop.models / "20.txt"))


def test_a_changed_model_file_is_noticed_before_it_is_loaded(shop: Shop) -> None:
    registry = shop.registry()
    version = registry.register(shop.build(5))
    path = registry.model_file(version)
    path.write_bytes(path.read_bytes().replace(b"leaf_value=", b"leaf_value=9", 1))
    for read in (registry.model_file, registry.read_model):
        with pytest.raises(Corrupt, match="SHA-256") as error:
            read(version)
        assert error.value.code is ExitCode.FINDINGS
    path.unlink()
    with pytest.raises(Corrupt, match="is gone"):
        registry.read_model(version)


@pytest.mark.parametrize("name", ["lineage.json", "gate-report.json"])
def test_a_changed_lineage_or_report_is_noticed(shop: Shop, name: str) -> None:
    registry = shop.registry()
    version = registry.register(shop.build(5))
    path = registry.model_file(version).with_name(name)
    path.write_bytes(path.read_bytes().replace(b"shop", b"shoq", 1))
    with pytest.raises(Corrupt):
        registry.gate_report(registry.version("shop", version.version))


def test_a_version_that_somebody_put_into_mlflow_past_the_workbench_has_no_lineage(shop: Shop) -> None:
    registry = shop.registry()
    version = registry.register(shop.build(5))
    source = registry._client.get_model_version("shop", str(version.version)).source
    foreign = registry._client.create_model_version("shop", source, version.run_id)
    with pytest.raises(Corrupt, match="lineage"):
        registry.version("shop", int(foreign.version))


def test_what_does_not_exist_is_said_with_what_does(shop: Shop) -> None:
    registry = shop.registry()
    assert registry.versions("shop") == [] and registry.aliases("shop") == {} and registry.alias("shop", "champion") is None
    with pytest.raises(UsageError, match="no version 7") as error:
        registry.version("shop", 7)
    assert "none" in error.value.hint
    registry.register(shop.build(5))
    with pytest.raises(UsageError) as error:
        registry.version("shop", 7)
    assert error.value.hint.endswith("1")


def test_a_workspace_that_was_moved_takes_its_models_along(shop: Shop, tmp_path: Path) -> None:
    version = shop.registry().register(shop.build(5))
    moved = tmp_path / "elsewhere"
    shop.settings.root.rename(moved)
    registry = Registry(load_settings(moved, {}))
    assert registry.read_model(registry.version("shop", version.version)) == (shop.models / "5.txt").read_bytes()
    later = registry.register(shop.build(20))
    assert registry.model_file(later).is_relative_to(moved)
    assert not shop.settings.root.exists()


def test_the_same_build_registered_by_several_at_once_is_one_version(shop: Shop) -> None:
    with ThreadPoolExecutor(3) as several:
        found = list(several.map(lambda _: Registry(shop.settings).register(shop.build(5)).version, range(3)))
    assert found == [1, 1, 1] and len(shop.registry().versions("shop")) == 1


def assert_finished_once(shop: Shop, build: ModelBuild) -> None:
    registry = Registry(shop.settings)
    version = registry.register(build)
    assert registry.versions("shop") == [version]
    assert len(registry._client.search_runs([registry._experiment("shop")])) == 1
    assert [line.kind for line in history.read(shop.settings, "shop")] == ["registered"]


class Killed(BaseException):
    """Ends the process as far as the code is concerned; nothing catches it."""


@pytest.mark.parametrize(
    "where",
    [
        "log_artifact",
        "create_model_version",
        *(pytest.param(where, marks=pytest.mark.slow) for where in ("create_run", "set_terminated")),
    ],
)
@pytest.mark.parametrize("when", ["after", pytest.param("before", marks=pytest.mark.slow)])
def test_a_registration_that_ends_anywhere_is_finished_by_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str, when: str
) -> None:
    registry = shop.registry()
    call = getattr(registry._client, where)

    def killed(*given: Any, **named: Any) -> None:
        if when == "after":
            call(*given, **named)
        raise Killed

    monkeypatch.setattr(registry._client, where, killed)
    with pytest.raises(Killed):
        registry.register(shop.build(5))
    assert_finished_once(shop, shop.build(5))


def test_opening_neither_unpickles_nor_phones_home(shop: Shop) -> None:
    shop.registry()
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    from mlflow.telemetry import get_telemetry_client

    assert get_telemetry_client() is None


def test_the_lineage_digest_is_over_every_field(shop: Shop) -> None:
    lineage = shop.build(5).lineage()
    other: dict[str, Any] = {
        name: f"{value}x"
        for name, value in lineage.model_dump(mode="json").items()
        if isinstance(value, str) and name != "decision"
    }
    other |= {"decision": "signed", "skills": {"build": "0.1.1"}, "signoffs": ["0"], "features": [], "scores": None}
    other |= {"gates": {}, "params": {}, "metrics": {}, "model_bytes": 1, "train_rows": 1, "format": 2}
    assert set(other) == set(type(lineage).model_fields)
    digests = {lineage.model_copy(update={name: value}).digest for name, value in other.items()}
    assert len(digests | {lineage.digest}) == len(other) + 1
