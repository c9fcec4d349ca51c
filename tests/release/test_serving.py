"""The service: the row that training would have used, answers with a message for every bad request, the hot switch."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.releases import Shop, land
from workbench.errors import Corrupt, PipelineError, Refusal
from workbench.pipeline.checkouts import check_out
from workbench.pipeline.contract import load_contract
from workbench.release.approved_code import Checkouts
from workbench.release.following import Follower, Watch
from workbench.release.online import World
from workbench.release.prediction_request import InvalidRequest, RequestForm
from workbench.release.rollback import rollback
from workbench.release.serving import PredictionLog, application
from workbench.repo import Repo

HOUR = "2024-01-20T09:00:00Z"


class Service:
    """A served shop: client, follower and what was said."""

    def __init__(self, shop: Shop, checkouts: Checkouts) -> None:
        self.said: list[str] = []
        self.follower = Follower(shop.settings, "shop", checkouts, registry=shop.registry(), say=self.said.append)
        self.log = PredictionLog(shop.settings, "shop")
        self.client = TestClient(application(self.follower, self.log, self.said.append), raise_server_exceptions=False)

    def predict(self, **body: Any) -> Any:
        return self.client.post("/predict", json=body)

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.path.read_text().splitlines()]


@contextmanager
def served(shop: Shop) -> Iterator[Service]:
    with Checkouts(shop.settings) as checkouts:
        service = Service(shop, checkouts)
        yield service
        service.log.close()


def commit_edit(shop: Shop, path: str, old: str, new: str, added: dict[str, str] | None = None) -> str:
    """The tree of the workspace with one file edited (and others added), landed on the branch."""
    with Repo.open(shop.settings.root) as repo:
        text = (repo.read_blob(shop.tree, path) or b"").decode()
        assert old in text
        files = {name: content.encode() for name, content in (added or {}).items()}
        tree = repo.write_tree(shop.tree, {path: text.replace(old, new).encode(), **files})
        land(repo, tree)
        return tree


def test_the_row_that_is_served_is_the_row_that_training_uses(shop: Shop) -> None:
    shop.released(5)
    with served(shop) as service:
        code = service.follower.model.world.code
        frame = code.frame(code.load())
        booster = service.follower.model._model
        names = list(code.contract.prediction.features or [])
        for position in (0, 7, 300, len(frame) - 1):
            row = frame.iloc[[position]]
            response = service.predict(store=row["store"].item(), hour=row["hour"].item().isoformat())
            assert response.status_code == 200, response.text
            answer = response.json()
            for name in names:
                expected = row[name].item()
                assert answer["features"][name] == (None if np.isnan(expected) else expected)
            assert answer["prediction"] == booster.predict(row[names])[0]


def test_an_answer_says_which_model_when_and_of_what_and_is_logged(shop: Shop) -> None:
    version = shop.released(5)
    with served(shop) as service:
        answer = service.predict(store="A", hour=HOUR).json()
        assert (answer["model_version"], answer["alias"]) == (1, "champion")
        assert answer["target_time"] == "2024-01-20T09:00:00+00:00" and answer["prediction_time"] == "2024-01-19T09:00:00+00:00"
        assert answer["latency_ms"] > 0 and set(answer["features"]) == {"lag_48h", "mean_23h", "price", "size", "hour_of_day"}
        [entry] = service.logged()
        assert entry["id"] == answer["id"] and entry["request"] == {"store": "A", "hour": HOUR}
        assert entry["prediction"] == answer["prediction"] and entry["features"] == answer["features"]
        assert entry["model_sha256"] == version.lineage.model_sha256


def test_the_same_instant_in_another_offset_is_the_same_request(shop: Shop) -> None:
    shop.released(5)
    with served(shop) as service:
        times = [HOUR, "2024-01-20T10:00:00+01:00", "2024-01-20T09:00:00", "2024-01-20 09:00"]
        assert len({service.predict(store="A", hour=when).json()["prediction"] for when in times}) == 1


def test_what_was_not_yet_known_cannot_reach_the_answer(shop: Shop) -> None:
    leak = commit_edit(shop, "pipelines/shop/features.py", "units.shift(48)", 'frame["units"].rolling(3, 1, center=True).mean()')
    shop.registry().register(shop.build(5, code_tree=leak))
    shop.promote(1, "staging")
    shop.promote(1, "champion")
    with served(shop) as service:
        world = service.follower.model.world
        honest = service.predict(store="A", hour=HOUR).json()["features"]["lag_48h"]
        base = world.code.frame(world.tables)
        leaking = base.loc[(base["store"] == "A") & (base["hour"] == pd.Timestamp("2024-01-20 09:00")), "lag_48h"].item()
        assert np.isfinite(leaking) and honest is None


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {"body"}),
        (b"not json", {"body"}),
        (b"[1, 2]", {"body"}),
        (b"\xff\xfe", {"body"}),
        (b"[" * 50_000, {"body"}),
        (b"{}", {"store", "hour"}),
        (b'{"store": 1, "hour": "2024-01-20T09:00:00Z"}', {"store"}),
        (b'{"store": null, "hour": null}', {"store", "hour"}),
        (b'{"store": "A", "hour": 5}', {"hour"}),
        (b'{"store": "A", "hour": "tomorrow"}', {"hour"}),
        (b'{"store": "A", "hour": "0001-01-01T00:00:00+14:00"}', {"hour"}),
        (b'{"store": "A", "hour": "2024-01-20T09:00:00Z", "price": 3}', {"price"}),
        (b'{"store": {"$ne": 1}, "hour": ["2024"]}', {"store", "hour"}),
    ],
)
def test_a_bad_request_says_what_is_wrong_field_by_field(service_of_all: Service, body: bytes, fields: set[str]) -> None:
    response = service_of_all.client.post("/predict", content=body)
    assert response.status_code == 422
    error = response.json()["error"]
    assert {entry["field"] for entry in error["fields"]} == fields and "Traceback" not in response.text
    assert all(entry["message"] for entry in error["fields"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"store": "Z", "hour": HOUR}, "unknown store 'Z'"),
        ({"store": "A", "hour": "2031-01-01T00:00:00Z"}, "there are rows from 2024-01-03T02:00:00+00:00 to 2024-01-24T23:00:00"),
        ({"store": "A", "hour": "2024-01-20T09:30:00Z"}, "no row for store 'A', hour 2024-01-20T09:30"),
    ],
)
def test_what_does_not_exist_is_not_found(service_of_all: Service, body: dict[str, str], words: str) -> None:
    response = service_of_all.predict(**body)
    assert response.status_code == 404 and words in response.json()["error"]["message"]


def test_other_paths_methods_and_sizes(service_of_all: Service) -> None:
    client = service_of_all.client
    assert client.get("/nothing").status_code == 404 and client.get("/predict").status_code == 405
    assert "error" in client.get("/predict").json()
    big = client.post("/predict", content=b'{"store": "' + b"A" * 70_000 + b'"}')
    assert big.status_code == 413 and "larger" in big.json()["error"]["message"]


def test_health_metrics_and_openapi(service_of_all: Service) -> None:
    client = service_of_all.client
    assert service_of_all.predict(store="A", hour=HOUR).status_code == 200
    health = client.get("/healthz").json()
    assert health["status"] == "ok" and health["model_version"] == 1 and len(health["model_sha256"]) == 64
    metrics = client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in metrics.text.splitlines() if not line.startswith("#"))
    assert int(lines['workbench_requests_total{use_case="shop",status="200"}']) >= 1
    assert (
        lines['workbench_prediction_seconds_bucket{use_case="shop",le="+Inf"}']
        == lines['workbench_prediction_seconds_count{use_case="shop"}']
    )
    assert any(name.startswith("workbench_model_info") and 'version="1"' in name for name in lines)
    document = client.get("/openapi.json").json()
    request = document["components"]["schemas"]["Request"]
    assert request["required"] == ["store", "hour"] and request["additionalProperties"] is False
    assert request["properties"]["store"] == {"type": "string"} and request["properties"]["hour"]["format"] == "date-time"


@pytest.fixture(scope="module")
def service_of_all(shop_template: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests that change nothing."""
    import shutil

    from workbench.settings import load_settings

    root = tmp_path_factory.mktemp("served") / "workspace"
    shutil.copytree(shop_template.settings.root, root)
    place = Shop(
        load_settings(root, {}),
        *[getattr(shop_template, name) for name in ("tree", "models", "contract_digest", "features", "example")],
    )
    place.released(5)
    with served(place) as service:
        yield service


def test_the_switch_follows_promotion_and_rollback_without_a_failed_request(shop: Shop) -> None:
    shop.released(5, mae=2.0)
    with served(shop) as service:
        watch = Watch(service.follower, seconds=0.05)
        watch.start()
        seen: list[tuple[int, int]] = []
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                response = service.predict(store="B", hour=HOUR)
                seen.append((response.status_code, response.json().get("model_version", 0)))

        def until(version: int) -> None:
            deadline = threading.Event()
            for _ in range(2000):
                if seen and seen[-1] == (200, version):
                    return
                deadline.wait(0.01)
            raise AssertionError(f"version {version} never answered: {seen[-3:]}")

        with ThreadPoolExecutor(2) as clients:
            for _ in range(2):
                clients.submit(ask)
            try:
                until(1)
                shop.released(20, mae=1.0)
                until(2)
                rollback(shop.settings, "shop", actor="bo", reason="test")
                until(1)
            finally:
                over.set()
        watch.end()
        assert {status for status, _ in seen} == {200}
        assert service.follower.switches == 2


def test_another_code_tree_brings_its_own_code(shop: Shop) -> None:
    shop.released(5, mae=2.0)
    tree = commit_edit(shop, "pipelines/shop/model.py", "num_threads=1)\n", "num_threads=1) + 1000\n")
    with served(shop) as service:
        before = service.predict(store="A", hour=HOUR).json()
        shop.registry().register(shop.build(20, mae=1.0, code_tree=tree))
        for alias in ("staging", "champion"):
            shop.promote(2, alias)
        assert service.follower.look()
        after = service.predict(store="A", hour=HOUR).json()
        assert before["prediction"] < 900 < after["prediction"] and after["model_version"] == 2
        rollback(shop.settings, "shop", actor="bo", reason="test")
        assert service.follower.look()
        assert service.predict(store="A", hour=HOUR).json()["prediction"] == before["prediction"]


def test_an_alias_moved_past_the_workbench_is_shown_and_not_obeyed(shop: Shop) -> None:
    shop.released(5, mae=2.0)
    registry = shop.registry()
    registry.register(shop.build(20, mae=1.0))
    with served(shop) as service:
        registry.set_alias("shop", "champion", 2)
        assert not service.follower.look()
        health = service.client.get("/healthz").json()
        assert health["status"] == "degraded" and "moved past the workbench" in health["trouble"] and health["model_version"] == 1
        assert 'workbench_trouble{use_case="shop"} 1' in service.client.get("/metrics").text
        shop.promote(1, "champion")
        service.follower.look()
        assert service.client.get("/healthz").json()["status"] == "ok"


def test_a_champion_that_was_tampered_with_is_not_loaded(shop: Shop) -> None:
    shop.released(5, mae=2.0)
    with served(shop) as service:
        shop.released(20, mae=1.0)
        registry = shop.registry()
        registry.model_file(registry.version("shop", 2)).write_text("tree\nversion=v4\n")
        assert not service.follower.look()
        assert "was changed" in service.client.get("/healthz").json()["trouble"]
        assert service.predict(store="A", hour=HOUR).json()["model_version"] == 1
    with Checkouts(shop.settings) as checkouts, pytest.raises(Corrupt):
        Follower(shop.settings, "shop", checkouts)


def test_nothing_to_serve_is_a_refusal(shop: Shop) -> None:
    shop.registry().register(shop.build(5))
    with Checkouts(shop.settings) as checkouts, pytest.raises(Refusal, match="no champion to serve"):
        Follower(shop.settings, "shop", checkouts)


def test_a_stage_that_fails_is_an_error_without_its_traceback(shop: Shop) -> None:
    tree = commit_edit(
        shop,
        "pipelines/shop/model.py",
        "def predict(model, frame):\n",
        'def predict(model, frame):\n    if frame["hour"].dt.hour.iloc[0] == 9:\n        raise KeyError("secret detail")\n',
    )
    shop.registry().register(shop.build(5, code_tree=tree))
    for alias in ("staging", "champion"):
        shop.promote(1, alias)
    with served(shop) as service:
        assert service.predict(store="A", hour="2024-01-20T10:00:00Z").status_code == 200
        response = service.predict(store="A", hour=HOUR)
        assert response.status_code == 503 and "predict stage failed" in response.json()["error"]["message"]
        assert "secret" not in response.text and "secret detail" in service.said[-1]
        assert len(service.logged()) == 1


def test_a_prediction_that_cannot_be_recorded_is_not_given(shop: Shop) -> None:
    shop.released(5)
    with Checkouts(shop.settings) as checkouts:
        service = Service(shop, checkouts)
        service.log.close()
        response = service.predict(store="A", hour=HOUR)
        assert response.status_code == 503 and "recorded" in response.json()["error"]["message"]


def test_a_serve_stage_makes_the_row_from_what_is_known(shop: Shop, tmp_path: Path) -> None:
    online = (
        "from pipelines.shop.features import build\n\n\n"
        "def row(request, tables):\n"
        "    frame = build(tables)\n"
        '    hour = request["hour"][:19].replace("T", " ")\n'
        '    found = frame[(frame["store"] == request["store"]) & (frame["hour"].astype(str) == hour)]\n'
        '    return {name: found[name].iloc[0] for name in ["lag_48h", "mean_23h", "price", "size", "hour_of_day"]}\n'
    )
    contract, entry = "pipelines/shop/contract.toml", 'serve = "pipelines.shop.online:row"\n\n[sources.sales]'
    tree = commit_edit(shop, contract, "[sources.sales]", entry, {"pipelines/shop/online.py": online})
    check_out(shop.settings, tree, tmp_path / "tree")
    digest = load_contract(tmp_path / "tree", "shop").digest
    shop.released(5, mae=2.0)
    with served(shop) as service:
        plain = service.predict(store="A", hour=HOUR).json()
        changed = {"code_tree": tree, "contract_digest": digest, "report": shop.report(contract_digest=digest)}
        shop.registry().register(shop.build(5, mae=1.0, **changed))
        for alias in ("staging", "champion"):
            shop.promote(2, alias)
        assert service.follower.look()
        made = service.predict(store="A", hour=HOUR).json()
        assert made["model_version"] == 2
        assert (made["features"], made["prediction"]) == (plain["features"], plain["prediction"])


def test_a_version_whose_contract_is_not_that_of_its_code_is_not_served(shop: Shop) -> None:
    tree = commit_edit(shop, "pipelines/shop/contract.toml", 'horizon = "24h"', 'horizon = "1h"')
    shop.released(5, mae=2.0)
    shop.registry().register(shop.build(20, mae=1.0, code_tree=tree))
    for alias in ("staging", "champion"):
        shop.promote(2, alias)
    with Checkouts(shop.settings) as checkouts, pytest.raises(Corrupt, match="contract"):
        Follower(shop.settings, "shop", checkouts)


def test_a_tree_whose_stage_does_not_import_cannot_be_served(shop: Shop) -> None:
    tree = commit_edit(shop, "pipelines/shop/model.py", "import lightgbm as lgb", "import nothing_like_this")
    shop.registry().register(shop.build(5, code_tree=tree))
    for alias in ("staging", "champion"):
        shop.promote(1, alias)
    with Checkouts(shop.settings) as checkouts, pytest.raises(PipelineError, match="nothing_like_this"):
        Follower(shop.settings, "shop", checkouts)


def test_checkouts_end_with_their_server(shop: Shop) -> None:
    left = shop.settings.state / "served" / "999999999"
    left.mkdir(parents=True)
    with Checkouts(shop.settings) as checkouts:
        assert not left.exists()
        World(checkouts.code("shop", shop.tree))
        assert list((shop.settings.state / "served").iterdir()) != []
    assert list((shop.settings.state / "served").iterdir()) == []


FORM = RequestForm({"store": "string", "floor": "integer"}, "hour", "Europe/Berlin")


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=40),
        st.dictionaries(
            st.sampled_from(["store", "floor", "hour", "x"]),
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(),
                st.floats(),
                st.text(max_size=30),
                st.datetimes().map(lambda t: t.isoformat()),
                st.lists(st.integers(), max_size=2),
            ),
        ).map(lambda body: json.dumps(body).encode()),
    )
)
def test_whatever_is_sent_it_is_a_key_or_a_list_of_errors(body: bytes) -> None:
    try:
        key = FORM.parse(body)
    except InvalidRequest as invalid:
        assert invalid.errors and all(error.field and error.message for error in invalid.errors)
        return
    sent = json.loads(body)
    assert set(sent) == {"store", "floor", "hour"} and key.entity == (sent["store"], sent["floor"])
    assert type(sent["floor"]) is int and key.target_time is not None and key.target_time.utcoffset() is not None


def test_a_time_without_an_offset_is_in_the_frames_zone() -> None:
    key = FORM.parse(b'{"store": "A", "floor": 1, "hour": "2024-07-01T12:00:00"}')
    assert key.target_time is not None and key.target_time.isoformat() == "2024-07-01T10:00:00+00:00"
