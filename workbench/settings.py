"""`workbench.toml` and the environment → frozen `Settings`; the only reader of the environment outside `cli/`.

A workspace is a directory with a `workbench.toml`, which may be empty. State that can be rebuilt or belongs to this
working copy alone (cache, MLflow store, checkpoints, work trees) lives in `.workbench/` below it, outside version control.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from workbench.errors import ConfigError, UsageError

MARKER = "workbench.toml"
STATE = ".workbench"

_BYTES = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_CREDENTIALS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "SSL_CERT_FILE")


def size_in_bytes(text: str) -> int:
    """`"1GB"`, `"512 MiB"` → bytes. Raises ValueError for anything else, zero included."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2].lower() not in _BYTES:
        raise ValueError(f'"{text}" is not a size; write a number and a unit, such as "1GB" or "512MiB"')
    size = int(float(match[1]) * _BYTES[match[2].lower()])
    if size <= 0:
        raise ValueError("a size has to be more than nothing")
    return size


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class SandboxSettings(_Section):
    """What stage code may use besides the workspace: `read` are further readable paths (data outside the workspace)."""

    read: tuple[str, ...] = ()
    memory: str = "16GB"
    cpu_seconds: int = 1800
    wall_seconds: int = 900

    @property
    def memory_bytes(self) -> int:
        """`memory` in bytes. Raises ConfigError."""
        try:
            return size_in_bytes(self.memory)
        except ValueError as error:
            raise ConfigError(f"{MARKER}: `sandbox.memory`: {error}.", 'such as memory = "16GB"') from None


class MlflowSettings(_Section):
    """`tracking_uri` empty means the embedded SQLite store in the state directory. `traces`: whether model calls go there."""

    tracking_uri: str = ""
    traces: bool = True


class LoopSettings(_Section):
    """Budgets of a session; whichever is spent first ends it."""

    driver: str = "playbook"
    max_steps: int = 60
    wall_seconds: int = 3600
    max_tokens: Annotated[int, Field(ge=0)] = 5_000_000
    """Tokens of a session's model calls, of every kind together."""
    max_cost: Annotated[float, Field(ge=0)] = 10.0
    """What a session's model calls may cost, in US dollars at the prices in the settings."""
    test_touches: Annotated[int, Field(ge=1)] = 20
    """How often one session may look at a test score, where the contract's `budgets.test_touches` doesn't say it."""
    checkpoints: str = ""
    """Address of a PostgreSQL server that keeps the state of sessions; empty: a file for each, in the state directory."""
    branch: str = ""
    """The branch that accepted changes are applied to; empty means the branch that HEAD points at."""


class ModelPrices(_Section):
    """US dollars a million tokens; what a session may cost is counted with them, so keep them as your contract has them."""

    input: Annotated[float, Field(ge=0)] = 5.0
    output: Annotated[float, Field(ge=0)] = 25.0
    cache_write: Annotated[float, Field(ge=0)] = 6.25
    cache_read: Annotated[float, Field(ge=0)] = 0.5


class ClaudeSettings(_Section):
    """The model that the `claude` driver asks. Key and endpoint come from the environment alone: a file that is handed on with
    the code could send the key elsewhere.
    """

    model: Annotated[str, Field(pattern=r"^[\w.:@/-]{1,128}$")] = "claude-opus-5-5"
    effort: Literal["", "low", "medium", "high", "xhigh", "max"] = "high"
    """Empty: the endpoint's own choice."""
    thinking: bool = True
    """Adaptive thinking; off for models without it."""
    max_output: Annotated[int, Field(ge=256)] = 32_000
    """Tokens of one answer."""
    calls: Annotated[int, Field(ge=1)] = 80
    """Calls of the model in one turn."""
    attempts: Annotated[int, Field(ge=1)] = 8
    """How often one call is tried where the endpoint is busy or the line is cut."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 600.0
    cache_ttl: Literal["5m", "1h"] = "5m"
    clear_above: Annotated[int, Field(ge=0)] = 0
    """Input tokens above which the API leaves out old tool results (a beta); 0: never."""
    tool_result_characters: Annotated[int, Field(ge=1000)] = 30_000
    prices: ModelPrices = Field(default_factory=ModelPrices)
    api_key: SecretStr = SecretStr("")
    base_url: str = ""


class ReviewSettings(_Section):
    """`key` is the reviewer's own SSH private key file; a person's preference, so normally given in the environment."""

    key: str = ""


class EngineSettings(_Section):
    """What row-level checks of tables on disk run on. `memory` and `threads` empty or 0: the engine's own choice."""

    backend: Literal["duckdb", "pyspark"] = "duckdb"
    memory: Annotated[str, Field(pattern=r"^(\d+(\.\d+)?\s*[kKMGT]i?B)?$")] = ""
    threads: Annotated[int, Field(ge=0)] = 0


class Settings(BaseModel):
    """Everything that can be configured, resolved once at the start of a command."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    root: Path
    sandbox: SandboxSettings = Field(default_factory=SandboxSettings)
    data: tuple[str, ...] = ("data",)
    """Directories of the workspace that hold data and aren't under version control; every checkout of a tree sees them."""
    mlflow: MlflowSettings = Field(default_factory=MlflowSettings)
    loop: LoopSettings = Field(default_factory=LoopSettings)
    review: ReviewSettings = Field(default_factory=ReviewSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    claude: ClaudeSettings = Field(default_factory=ClaudeSettings)
    unsafe_no_sandbox: bool = False
    """Set by `--unsafe-no-sandbox` alone: never by a file or the environment, which an agent could write."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that no recording may hold."""
        return tuple(value for value in (self.claude.api_key.get_secret_value(), *_passwords(self.loop.checkpoints)) if value)

    @property
    def state(self) -> Path:
        """The state directory; not created here."""
        return self.root / STATE


def _passwords(address: str) -> tuple[str, ...]:
    """The password in an address, as it stands there and as it is meant."""
    try:
        found = urlsplit(address).password or ""
    except ValueError:
        return ()
    return tuple(dict.fromkeys((found, unquote(found))))


def find_root(start: Path) -> Path:
    """The nearest directory at or above `start` that holds a `workbench.toml`.

    Raises UsageError where there is none.
    """
    start = start.resolve()
    for directory in (start, *start.parents):
        if (directory / MARKER).is_file():
            return directory
    raise UsageError(f"{start} is not inside a workspace.", "run `workbench init` here, or give the workspace with -C DIR")


def tracking_credentials(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a client of a remote tracking server takes from the environment, as far as it is set."""
    environment = os.environ if environment is None else environment
    return {name: environment[name] for name in _CREDENTIALS if name in environment}


def load_settings(start: Path, environment: Mapping[str, str] | None = None, *, unsafe_no_sandbox: bool = False) -> Settings:
    """Reads the workspace's settings; `WORKBENCH_KEY` and `MLFLOW_TRACKING_URI` in the environment fill what is unset.

    `ANTHROPIC_API_KEY` and `ANTHROPIC_BASE_URL` are read from the environment only.

    Raises UsageError outside a workspace and ConfigError for a file that can't be used.
    """
    root = find_root(start)
    path = root / MARKER
    environment = os.environ if environment is None else environment
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{MARKER} is not valid TOML: {error}.", f"mend {path}; an empty file is fine") from None
    for reserved in ("root", "unsafe_no_sandbox"):
        if reserved in table:
            raise ConfigError(f"{MARKER} can't set `{reserved}`.", "take it out; it is given on the command line")
    claude = table.get("claude")
    for reserved, variable in (("api_key", "ANTHROPIC_API_KEY"), ("base_url", "ANTHROPIC_BASE_URL")):
        if isinstance(claude, dict) and reserved in claude:
            raise ConfigError(f"{MARKER} can't set `claude.{reserved}`.", f"take it out, and set {variable} in the environment")
    try:
        settings = Settings.model_validate({**table, "root": root, "unsafe_no_sandbox": unsafe_no_sandbox})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{MARKER}: `{where}`: {first['msg']}.", "see docs/settings.md for the keys there are") from None
    where_from = {"api_key": environment.get("ANTHROPIC_API_KEY", ""), "base_url": environment.get("ANTHROPIC_BASE_URL", "")}
    if any(where_from.values()):
        given = {"api_key": SecretStr(where_from["api_key"].strip()), "base_url": where_from["base_url"].strip()}
        settings = settings.model_copy(update={"claude": settings.claude.model_copy(update=given)})
    if not settings.review.key and environment.get("WORKBENCH_KEY"):
        settings = settings.model_copy(update={"review": ReviewSettings(key=environment["WORKBENCH_KEY"])})
    if not settings.mlflow.tracking_uri and environment.get("MLFLOW_TRACKING_URI"):
        settings = settings.model_copy(
            update={"mlflow": settings.mlflow.model_copy(update={"tracking_uri": environment["MLFLOW_TRACKING_URI"]})}
        )
    return settings
