"""Settings: found from anywhere inside, closed keys, and no file can turn the sandbox off."""

from pathlib import Path

import pytest

from workbench.errors import ConfigError, ExitCode, UsageError
from workbench.settings import load_settings


def test_an_empty_file_is_a_workspace_and_is_found_from_below(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    settings = load_settings(below, {})
    assert settings.root == tmp_path.resolve()
    assert settings.loop.driver == "playbook"


def test_outside_a_workspace_is_a_usage_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(tmp_path, {})
    assert "workbench init" in caught.value.hint
    assert caught.value.code == ExitCode.USAGE


@pytest.mark.parametrize(
    "text", ["[loop]\nmax_step = 3\n", "[loop\n", "loop = 3\n", "[loop]\nmax_steps = 'many'\n", "root = '/'\n"]
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "workbench.toml").write_text(text)
    with pytest.raises(ConfigError):
        load_settings(tmp_path, {})


def test_no_file_and_no_variable_can_turn_the_sandbox_off(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").write_text("unsafe_no_sandbox = true\n")
    with pytest.raises(ConfigError):
        load_settings(tmp_path, {})
    (tmp_path / "workbench.toml").write_text("")
    assert not load_settings(tmp_path, {"WORKBENCH_UNSAFE_NO_SANDBOX": "1"}).unsafe_no_sandbox


def test_the_environment_fills_only_what_is_unset(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").write_text('[review]\nkey = "mine"\n')
    settings = load_settings(tmp_path, {"WORKBENCH_KEY": "theirs", "MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"})
    assert settings.review.key == "mine"
    assert settings.mlflow.tracking_uri == "http://127.0.0.1:5000"


def test_the_engine_is_one_of_two_and_its_memory_is_a_size(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").write_text('[engine]\nbackend = "pyspark"\nmemory = "8GB"\nthreads = 2\n')
    assert load_settings(tmp_path, {}).engine.backend == "pyspark"
    for wrong in ('backend = "polars"', 'memory = "much"', "threads = -1"):
        (tmp_path / "workbench.toml").write_text(f"[engine]\n{wrong}\n")
        with pytest.raises(ConfigError, match="engine"):
            load_settings(tmp_path, {})
