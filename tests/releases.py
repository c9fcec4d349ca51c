"""Releases for tests: a git workspace `shop` with a small LightGBM, a real MLflow store, and builds that can be registered."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.workspaces import LIGHTGBM_MODEL, make_workspace
from workbench.release.approved_code import Checkouts
from workbench.release.history import Flip
from workbench.release.lineage import Feature, ModelBuild, ModelVersion, Scores
from workbench.release.online import plain
from workbench.release.promotion import promote
from workbench.release.registry import Registry
from workbench.repo import Identity, Repo
from workbench.settings import Settings, load_settings

MAIN = "refs/heads/main"
GATES = ("features", "split", "fit", "metric", "schema")


@dataclass
class Shop:
    """A workspace with the use case `shop`, its code tree, and one fitted model a number of boosting rounds."""

    settings: Settings
    tree: str
    models: Path
    contract_digest: str
    features: list[Feature]
    example: dict[str, Any]
    _registry: Registry | None = None

    def report(self, **changed: Any) -> dict[str, Any]:
        """A gate report on this tree, with fields replaced."""
        gates = [{"name": name, "status": "pass"} for name in GATES]
        report = {
            "format": 1,
            "use_case": "shop",
            "verdict": "pass",
            "findings": [],
            "gates": gates,
            "code_digest": "d" * 64,
            "contract_digest": self.contract_digest,
        }
        return report | changed

    def build(self, rounds: int = 5, *, mae: float = 2.0, report: Mapping[str, Any] | None = None, **changed: Any) -> ModelBuild:
        """A complete build; `changed` replaces its fields."""
        path = self.models / f"{rounds}.txt"
        content = path.read_bytes()
        facts: dict[str, Any] = {
            "use_case": "shop",
            "session": f"session-{rounds}",
            "code_tree": self.tree,
            "code_digest": "d" * 64,
            "contract_digest": self.contract_digest,
            "model": path,
            "flavor": "lightgbm",
            "model_sha256": hashlib.sha256(content).hexdigest(),
            "model_bytes": len(content),
            "train_rows": 1000,
            "features": self.features,
            "example": self.example,
            "skills": {"build": "0.1.0"},
            "gate_report": json.dumps(self.report() if report is None else dict(report)).encode(),
            "decision": "allowed by policy",
            "signoffs": [],
            "scores": Scores(primary="mae", direction="minimize", value=mae, baseline="mean", baseline_value=5.0, margin=0.02),
            "params": {"rounds": str(rounds)},
            "metrics": {"mae": mae},
        }
        return ModelBuild(**(facts | changed))

    def registry(self) -> Registry:
        """This workspace's registry, opened once."""
        if self._registry is None:
            self._registry = Registry(self.settings)
        return self._registry

    def released(self, rounds: int = 5, *, mae: float = 2.0) -> ModelVersion:
        """Registers a build and promotes it through staging to champion."""
        registry = self.registry()
        version = registry.register(self.build(rounds, mae=mae))
        for alias in ("staging", "champion"):
            self.promote(version.version, alias, registry=registry)
        return version

    def promote(self, version: int, alias: str, registry: Registry | None = None) -> Flip:
        """Promotes with an actor and a reason."""
        who = {"actor": "ana@shop.example", "reason": "a test"}
        return promote(self.settings, "shop", version, alias, **who, registry=registry or self.registry())


def land(repo: Repo, tree: str) -> str:
    """Commits `tree` to the branch main, as a person does; the commit."""
    tip = repo.refs(MAIN).get(MAIN)
    who = Identity("Ana", "ana@shop.example")
    return repo.commit(tree, [tip] if tip else [], "a change", author=who, ref=MAIN, expect=tip)


@pytest.fixture(scope="session")
def shop_template(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Made once a process: workspace, repository, empty MLflow store (its creation takes seconds), two fitted models."""
    if not _MADE:  # a fixture that several modules import runs once for each of them
        _MADE.append(_make(tmp_path_factory))
    return _MADE[0]


_MADE: list[Shop] = []


def _make(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    place = tmp_path_factory.mktemp("shop")
    root = make_workspace(place / "workspace", model=LIGHTGBM_MODEL, files={".gitignore": ".workbench/\n__pycache__/\n"})
    Repo.ensure(root)
    with Repo.open(root) as repo:
        tree = repo.snapshot()
        land(repo, tree)
    settings = load_settings(root, {})
    settings.state.mkdir()
    Registry(settings)
    models = place / "models"
    models.mkdir()
    with Checkouts(settings) as checkouts:
        code = checkouts.code("shop", tree)
        frame = code.frame(code.load())
        fit = importlib.import_module("pipelines.shop.model").fit
        for rounds in (5, 20):
            fit(frame).save_model(models / f"{rounds}.txt", num_iteration=rounds)
    names = list(code.contract.prediction.features or [])
    features = [Feature(name=name, dtype=str(frame[name].dtype)) for name in names]
    example = {name: plain(frame[name].iloc[-1]) for name in names}
    return Shop(settings, tree, models, code.contract.digest, features, example)


@pytest.fixture
def shop(shop_template: Shop, tmp_path: Path) -> Iterator[Shop]:
    """A copy of the template, one a test."""
    root = tmp_path / "workspace"
    shutil.copytree(shop_template.settings.root, root)
    settings = load_settings(root, {})
    yield Shop(
        settings,
        shop_template.tree,
        shop_template.models,
        shop_template.contract_digest,
        shop_template.features,
        dict(shop_template.example),
    )
