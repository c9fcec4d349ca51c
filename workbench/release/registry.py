"""The model registry: with `tracing`, which uses what is opened here, the only importer of MLflow.

Lives here: the embedded store (SQLite and local artifacts in the state directory, or the tracking URI of the settings),
registering a model with its whole lineage, reading versions and aliases, and model files checked against their SHA-256.
Not here: whether an alias may move (`promotion`), who moved it (`history`): MLflow keeps no history of aliases.

Model files are data in a framework's own text format; nothing in this module unpickles.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from workbench.errors import ConfigError, Corrupt, Refusal, UsageError
from workbench.release import history
from workbench.release.lineage import Lineage, ModelBuild, ModelVersion, canonical
from workbench.release.locking import locked
from workbench.settings import Settings

ARTIFACTS = "workbench"
"""Folder of a run's artifacts that holds model, lineage, gate report and example."""

_LINEAGE = "lineage.json"
_REPORT = "gate-report.json"
_SAFE_FLAVORS = {"lightgbm": "model.txt"}
"""Flavors whose file is data and not code, and the name the file gets. Anything else is refused."""

_KEY = "workbench.key"
_MISSING = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})


def model_file_name(flavor: str) -> str:
    """The artifact's file name for `flavor`; Refusal for one that isn't safe to load."""
    if flavor not in _SAFE_FLAVORS:
        raise Refusal(
            f"Models of the flavor `{flavor}` have no format here that is safe to load.",
            f"fit a model of one of: {', '.join(sorted(_SAFE_FLAVORS))}",
        )
    return _SAFE_FLAVORS[flavor]


class Registry:
    """Registered models of one workspace; a use case's models are versions of the registered model of its name.

    Opening creates the embedded store once (some seconds), safely against other processes doing the same.
    Raises ConfigError where the store can't be reached.
    """

    def __init__(self, settings: Settings, *, progress: Callable[[str], None] | None = None) -> None:
        self._settings = settings
        self._progress = progress or (lambda _: None)
        self._embedded = not settings.mlflow.tracking_uri
        self._exceptions, self._client = self._open()

    # -- writing ----------------------------------------------------------------------------------------------------

    def register(self, build: ModelBuild) -> ModelVersion:
        """Logs a run with model, lineage and gate report, and registers it as a new version of the use case.

        The same build (code tree, model bytes, session) registered again, also after a kill, is the version that is
        there already. Raises Refusal where the lineage is incomplete, the gate report isn't a pass on exactly this code
        tree, or the model's format isn't safe to load; Corrupt where the model file isn't what was fitted.
        """
        lineage = build.lineage()
        name = model_file_name(lineage.flavor)
        content = build.model.read_bytes()
        if hashlib.sha256(content).hexdigest() != lineage.model_sha256:
            raise Corrupt(f"{build.model} isn't the model that was fitted: its SHA-256 differs.", "build the model again")
        with locked(self._settings, f"register-{lineage.use_case}"):
            version = self._with_key(lineage)
            if version is None:
                run_id = self._log(build, lineage, name, content)
                version = self._create_version(lineage, run_id)
            history.record_registered(self._settings, lineage, version)
        self._progress(f"registered {lineage.use_case} version {version}")
        return self.version(lineage.use_case, version)

    def set_alias(self, use_case: str, alias: str, version: int) -> None:
        """Points `alias` at `version`, atomically. Only `promotion` calls this: it records who, why and on what evidence."""
        with self._reported():
            self._client.set_registered_model_alias(use_case, alias, str(version))

    def delete_alias(self, use_case: str, alias: str) -> None:
        """Takes `alias` away; as with `set_alias`, `promotion` alone calls this."""
        with self._reported():
            self._client.delete_registered_model_alias(use_case, alias)

    # -- reading ----------------------------------------------------------------------------------------------------

    def versions(self, use_case: str) -> list[ModelVersion]:
        """All versions of `use_case`, the oldest first; empty where none was registered."""
        return [self.version(use_case, number) for number in self.numbers(use_case)]

    def numbers(self, use_case: str) -> list[int]:
        """The numbers of all versions, ascending; reads no lineage."""
        return sorted(int(v.version) for v in self._search(use_case))

    def version(self, use_case: str, version: int) -> ModelVersion:
        """One version with its lineage, verified against the digest in the release history.

        Raises UsageError where there is no such version, Corrupt where its lineage isn't what was registered.
        """
        try:
            found = self._client.get_model_version(use_case, str(version))
        except self._exceptions as error:
            if error.error_code not in _MISSING:
                raise self._unreachable(error) from None
            there = ", ".join(str(v.version) for v in self._search(use_case)) or "none"
            raise UsageError(f"{use_case} has no version {version}.", f"registered versions: {there}") from None
        text = self._artifact(found, _LINEAGE)
        digest = hashlib.sha256(text).hexdigest()
        if digest != history.registered_digest(self._settings, use_case, version):
            raise Corrupt(
                f"The lineage of {use_case} version {version} isn't the one that was registered.",
                "don't promote or serve this version; register the model again from its session",
            )
        return ModelVersion(
            version=version,
            run_id=str(found.run_id),
            lineage=Lineage.model_validate_json(text),
            lineage_digest=digest,
            created_ms=int(found.creation_timestamp),
        )

    def aliases(self, use_case: str) -> dict[str, int]:
        """Alias → version number, as MLflow has it now; empty for a use case without a registered model."""
        try:
            model = self._client.get_registered_model(use_case)
        except self._exceptions as error:
            if error.error_code in _MISSING:
                return {}
            raise self._unreachable(error) from None
        return {str(alias): int(number) for alias, number in model.aliases.items()}

    def alias(self, use_case: str, name: str) -> int | None:
        """The version number that alias `name` points at now, None where it isn't set."""
        return self.aliases(use_case).get(name)

    def model_file(self, version: ModelVersion) -> Path:
        """The model's file, its SHA-256 verified; Corrupt where file or digest isn't what was registered.

        Whoever loads it reads it once and checks those bytes: `read_model` does.
        """
        name = model_file_name(version.lineage.flavor)
        path = self._artifact_path(self._client.get_model_version(version.lineage.use_case, str(version.version)), name)
        self._verified(version, path)
        return path

    def read_model(self, version: ModelVersion) -> bytes:
        """The verified bytes of the model file: load from these, not from the path again."""
        name = model_file_name(version.lineage.flavor)
        path = self._artifact_path(self._client.get_model_version(version.lineage.use_case, str(version.version)), name)
        return self._verified(version, path)

    def gate_report(self, version: ModelVersion) -> bytes:
        """The gate report that the version was registered with, its digest verified; Corrupt on a mismatch."""
        text = self._artifact(self._client.get_model_version(version.lineage.use_case, str(version.version)), _REPORT)
        if hashlib.sha256(text).hexdigest() != version.lineage.gate_report_sha256:
            raise Corrupt(
                f"The gate report of {version.lineage.use_case} version {version.version} isn't the one that was registered.",
                "don't promote this version; register the model again from its session",
            )
        return text

    def traced(self, use_case: str, write: Callable[[Any, str], int]) -> int:
        """What `write` returns, called with a client that traces into this store, and the id of the use case's experiment.

        Raises ConfigError where the store doesn't take them.
        """
        import mlflow

        before = mlflow.get_tracking_uri()
        with locked(self._settings, "traces"), self._reported():
            experiment = self._experiment(use_case)
            # Of traces MLflow has one destination in a process.
            mlflow.set_tracking_uri(self._client.tracking_uri)
            try:
                count = write(self._client, experiment)
                mlflow.flush_trace_async_logging()
                return count
            finally:
                mlflow.set_tracking_uri(before)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _open(self) -> tuple[Any, Any]:
        with locked(self._settings, "mlflow"):
            new = self._embedded and not self._database.exists()
            self._place.mkdir(parents=True, exist_ok=True)
            if new:
                self._progress("creating the model registry (once)")
            mlflow = _quiet_mlflow()
            uri = f"sqlite:///{self._database}" if self._embedded else self._settings.mlflow.tracking_uri
            try:
                # Both URIs are given: the process-wide ones of MLflow (and of its environment) play no part.
                client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
                client.search_registered_models(max_results=1)
            except mlflow.exceptions.MlflowException as error:
                raise self._unreachable(error) from None
            except OSError as error:
                raise ConfigError(f"The model registry can't be opened: {error}.", "see `workbench doctor`") from None
        return mlflow.exceptions.MlflowException, client

    @property
    def _place(self) -> Path:
        """A directory of its own, which a confined skill can be given; a workspace made before keeps its store where it is."""
        state = self._settings.state
        return state if (state / "mlflow.db").exists() else state / "registry"

    @property
    def _database(self) -> Path:
        return self._place / "mlflow.db"

    @property
    def _artifact_root(self) -> Path:
        return self._place / "mlartifacts"

    def _experiment(self, use_case: str) -> str:
        """Id of the experiment whose artifacts lie in *this* workspace: one that was moved or copied gets another."""
        location = (self._artifact_root / use_case).as_uri() if self._embedded else None
        names = [use_case]
        if location is not None:
            names.append(f"{use_case}@{hashlib.sha256(location.encode()).hexdigest()[:8]}")
        for name in names:
            found = self._client.get_experiment_by_name(name)
            if found is None:
                return str(self._client.create_experiment(name, artifact_location=location))
            if location is None or found.artifact_location == location:
                return str(found.experiment_id)
        raise ConfigError(f"MLflow's experiment {names[-1]} keeps its artifacts elsewhere.", "remove or rename that experiment")

    def _log(self, build: ModelBuild, lineage: Lineage, name: str, content: bytes) -> str:
        with self._reported():
            experiment = self._experiment(lineage.use_case)
            killed = self._client.search_runs([experiment], f"tags.`{_KEY}` = '{lineage.key}'", max_results=1)
            if killed:
                run_id = str(killed[0].info.run_id)
            else:
                tags = {_KEY: lineage.key, "workbench.session": lineage.session, "workbench.code_tree": lineage.code_tree}
                run_id = str(self._client.create_run(experiment, run_name=lineage.session, tags=tags).info.run_id)
            for param, value in sorted(lineage.params.items()):
                self._client.log_param(run_id, _name(param), value[:500])
            for metric, number in sorted(lineage.metrics.items()):
                self._client.log_metric(run_id, _name(metric), number, step=0)
            schema = [feature.model_dump() for feature in lineage.features]
            files = {
                name: content,
                "schema.json": json.dumps(schema, indent=1).encode(),
                "example.json": json.dumps(build.example, indent=1, default=str).encode(),
                _REPORT: build.gate_report,
                _LINEAGE: canonical(lineage),
            }
            for file_name, body in files.items():
                self._log_file(run_id, file_name, body)
            self._client.set_terminated(run_id)
        return run_id

    def _log_file(self, run_id: str, name: str, body: bytes) -> None:
        scratch = self._settings.state / "releases" / f"outgoing-{run_id}" / name
        scratch.parent.mkdir(parents=True, exist_ok=True)
        try:
            scratch.write_bytes(body)
            self._client.log_artifact(run_id, str(scratch), ARTIFACTS)
        finally:
            scratch.unlink(missing_ok=True)
            scratch.parent.rmdir()

    def _create_version(self, lineage: Lineage, run_id: str) -> int:
        with self._reported():
            try:
                self._client.create_registered_model(lineage.use_case)
            except self._exceptions as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            source = f"{self._client.get_run(run_id).info.artifact_uri}/{ARTIFACTS}"
            made = self._client.create_model_version(lineage.use_case, source, run_id, tags={_KEY: lineage.key, **lineage.tags()})
        return int(made.version)

    def _search(self, use_case: str) -> list[Any]:
        history.path_of(self._settings, use_case)  # a name with a quote in it would be part of the query
        with self._reported():
            found: list[Any] = []
            token = None
            while True:
                page = self._client.search_model_versions(f"name = '{use_case}'", max_results=1000, page_token=token)
                found += page
                token = page.token
                if not token:
                    return found

    def _with_key(self, lineage: Lineage) -> int | None:
        numbers = [int(v.version) for v in self._search(lineage.use_case) if v.tags.get(_KEY) == lineage.key]
        return min(numbers, default=None)

    def _artifact_path(self, found: Any, name: str) -> Path:
        local = self._local(str(found.source))
        if local is not None:
            return local / name
        with self._reported():
            cache = self._settings.state / "models" / str(found.run_id)
            cache.mkdir(parents=True, exist_ok=True)
            return Path(self._client.download_artifacts(found.run_id, f"{ARTIFACTS}/{name}", str(cache)))

    def _local(self, source: str) -> Path | None:
        parts = urlsplit(source)
        if parts.scheme not in ("", "file"):
            return None
        path = Path(unquote(parts.path))
        if self._embedded and not path.is_dir():
            # A workspace that was moved takes its artifacts along: the last parts of the address stay the same.
            moved = self._artifact_root.joinpath(*path.parts[-4:])
            return moved if moved.is_dir() else path
        return path

    def _artifact(self, found: Any, name: str) -> bytes:
        path = self._artifact_path(found, name)
        try:
            return path.read_bytes()
        except OSError:
            raise Corrupt(
                f"{found.name} version {found.version} has lost its {name}.", "restore the artifact store, or register again"
            ) from None

    def _verified(self, version: ModelVersion, path: Path) -> bytes:
        lineage = version.lineage
        try:
            content = path.read_bytes()
        except OSError:
            content = None
        if content is None or hashlib.sha256(content).hexdigest() != lineage.model_sha256:
            what = "is gone" if content is None else "was changed: its SHA-256 isn't the registered one"
            raise Corrupt(
                f"The model file of {lineage.use_case} version {version.version} {what}.",
                "roll back to another version, and register this model again from its session",
            )
        return content

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except self._exceptions as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Any) -> ConfigError:
        text = str(error.message).splitlines()[0]
        where = self._database if self._embedded else self._settings.mlflow.tracking_uri
        return ConfigError(f"The model registry at {where} can't be used: {text}.", "see `workbench doctor`")


def _name(text: str) -> str:
    return re.sub(r"[^\w ./:-]", "_", text)


def _quiet_mlflow() -> Any:
    """Imports MLflow without telemetry, without its chatter, and without any way to unpickle.

    MLflow takes these from the environment alone, and the first while it is imported.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import mlflow
    import mlflow.exceptions

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow
