"""What can go wrong, as types: a kind, a sentence for the person, a hint what to do next, and one exit code each.

Nothing here prints or exits; `cli/main.py` is the one place that turns an error into text and an exit code.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command; each has one meaning everywhere."""

    OK = 0
    FINDINGS = 1
    """Findings, a refusal or a failed gate."""
    USAGE = 2
    """Usage or configuration error: the contract, the pipeline or the command line can't be used."""
    WAITING = 3
    """A human sign-off is needed first."""
    DIVERGED = 4
    """A replay came out differently."""
    FAULT = 70
    """A fault of our own."""
    INTERRUPTED = 130


class WorkbenchError(Exception):
    """An expected failure.

    `message` is one clear sentence; `hint` says what to do next; `kind` is a stable kebab-case word for programs.
    """

    code: ExitCode = ExitCode.USAGE
    kind: str = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(WorkbenchError):
    """The command line asks for something that doesn't exist or doesn't fit together."""

    kind = "usage"


class ConfigError(WorkbenchError):
    """A file that a person writes (contract, settings, policy, skill lock) can't be used as it is."""

    kind = "config"


class ContractError(ConfigError):
    """`contract.toml` is wrong; the message names file, line and field."""

    kind = "contract"


class PolicyError(ConfigError):
    """A policy or reviewers file is wrong, empty or missing; nothing is decided without a valid policy."""

    kind = "policy"


class PipelineError(WorkbenchError):
    """A stage of a use case can't be run or returned something that isn't what the contract says.

    `stage` is the contract's name of the stage, `detail` the stage's own traceback or output: untrusted text.
    """

    kind = "pipeline"

    def __init__(self, message: str, hint: str = "", *, stage: str = "", detail: str = "") -> None:
        super().__init__(message, hint)
        self.stage = stage
        self.detail = detail


class SandboxError(WorkbenchError):
    """No working sandbox on this machine; agent-written code is refused."""

    kind = "sandbox"


class Refusal(WorkbenchError):
    """A rule of the house says no: a failed gate, an invalid or stale sign-off, a blocked change."""

    code = ExitCode.FINDINGS
    kind = "refusal"


class SkillFault(WorkbenchError):
    """A skill's own code failed in a way that it doesn't know."""

    code = ExitCode.FAULT
    kind = "skill-fault"


class SignOffRequired(WorkbenchError):
    """Stopped at a person: the change waits in the queue."""

    code = ExitCode.WAITING
    kind = "sign-off-required"


class Diverged(WorkbenchError):
    """A replay came out differently from its recording."""

    code = ExitCode.DIVERGED
    kind = "diverged"


class Corrupt(WorkbenchError):
    """A record (session, ledger, sign-off, cache) isn't what was written; it isn't trusted and isn't overwritten."""

    code = ExitCode.FINDINGS
    kind = "corrupt"
