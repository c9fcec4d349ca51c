"""`workbench doctor`: what this machine and this workspace have and lack, each with the command that mends it."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from workbench.cli.console import Console
from workbench.errors import ExitCode, WorkbenchError
from workbench.settings import Settings, load_settings

PINNED = ("pandas", "numpy", "lightgbm", "scikit-learn", "mlflow", "langgraph", "textual", "duckdb")


class Check(BaseModel):
    """One thing that was looked at; `mend` is a command or an edit."""

    name: str
    status: Literal["ok", "warning", "missing"]
    detail: str
    mend: str = ""


class DoctorReport(BaseModel):
    """Result of `workbench doctor --json`."""

    format: int = 1
    checks: list[Check]


def arguments(parser: argparse.ArgumentParser) -> None:
    """This command has no arguments of its own."""


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Looks at everything; exit 1 where something that is needed is missing."""
    checks = [_python(), _git(), _ssh_keygen(), _sandbox(), *_packages()]
    try:
        settings = load_settings(args.directory)
    except WorkbenchError as error:
        checks.append(Check(name="workspace", status="missing", detail=error.message, mend=error.hint))
    else:
        checks.append(Check(name="workspace", status="ok", detail=str(settings.root)))
        for name, look in _WORKSPACE_CHECKS.items():
            checks.append(_guarded(name, look, settings))
    report = DoctorReport(checks=checks)
    if console.json:
        console.model(report)
    else:
        for check in checks:
            glyph = {"ok": "✓", "warning": "!", "missing": "✗"}[check.status]
            console.data(f"  {glyph} {check.status:<8}{check.name:<14}{check.detail}")
            if check.mend and check.status != "ok":
                console.data(f"{'':<25}→ {check.mend}")
    return ExitCode.FINDINGS if any(check.status == "missing" for check in checks) else ExitCode.OK


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Check(name="python", status="ok" if good else "missing", detail=version, mend="install Python 3.11 or newer")


def _git() -> Check:
    found = shutil.which("git")
    if found is None:
        return Check(name="git", status="missing", detail="not found", mend="apt-get install git")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, timeout=20).stdout.strip()
    return Check(name="git", status="ok", detail=version)


def _ssh_keygen() -> Check:
    if shutil.which("ssh-keygen"):
        return Check(name="ssh-keygen", status="ok", detail="found")
    return Check(
        name="ssh-keygen",
        status="warning",
        detail="not found; only unencrypted ed25519 keys can sign",
        mend="apt-get install openssh-client",
    )


def _sandbox() -> Check:
    from workbench.sandbox import probe

    status = probe()
    if status.available:
        lacking = f"; does without {', '.join(status.lacking)} (docs/sandbox.md)" if status.lacking else ""
        return Check(name="sandbox", status="ok", detail=", ".join(status.mechanisms) + lacking)
    return Check(name="sandbox", status="missing", detail=f"lacks {', '.join(status.lacking)}", mend=status.hint)


def _packages() -> list[Check]:
    checks = []
    for name in PINNED:
        try:
            checks.append(Check(name=name, status="ok", detail=metadata.version(name)))
        except metadata.PackageNotFoundError:
            checks.append(Check(name=name, status="missing", detail="not installed", mend="pip install -r requirements.txt"))
    return checks


def _guarded(name: str, look: Callable[[Settings], str], settings: Settings) -> Check:
    try:
        return Check(name=name, status="ok", detail=look(settings))
    except WorkbenchError as error:
        return Check(name=name, status="warning", detail=error.message, mend=error.hint)


def _repository(settings: Settings) -> str:
    from workbench.repo import Repo

    repo = Repo.open(settings.root)
    return f"{repo.branch() or 'detached'} at {repo.head()[:12]}"


def _policies(settings: Settings) -> str:
    from workbench.errors import PolicyError
    from workbench.policy import load_policy
    from workbench.repo import Repo

    repo = Repo.open(settings.root)
    policy = load_policy(repo, repo.tree_of(repo.head()))
    if not policy.reviewers:
        raise PolicyError("Nobody can sign: reviewers.toml names no reviewer.", "add yourself to review_policies/reviewers.toml")
    return f"{len(policy.rules)} rules, {len(policy.reviewers)} reviewers"


def _key(settings: Settings) -> str:
    from workbench.errors import ConfigError

    if not settings.review.key:
        raise ConfigError("No signing key is set.", "export WORKBENCH_KEY=~/.ssh/id_ed25519 (only reviewers need one)")
    if not Path(settings.review.key).expanduser().is_file():
        raise ConfigError(f"{settings.review.key} is not a file.", "set WORKBENCH_KEY to your SSH private key")
    return settings.review.key


def _skills(settings: Settings) -> str:
    from workbench.skills.discover import discover
    from workbench.skills.lock import check

    check(settings.root)
    return f"{len(discover(settings.root))} skills, all as locked"


def _use_cases(settings: Settings) -> str:
    from workbench.pipeline.contract import load_contract, use_cases

    names = use_cases(settings.root)
    for name in names:
        load_contract(settings.root, name)
    return ", ".join(names) or "none yet"


_WORKSPACE_CHECKS: dict[str, Callable[[Settings], str]] = {
    "repository": _repository,
    "policies": _policies,
    "signing key": _key,
    "skills": _skills,
    "use cases": _use_cases,
}
