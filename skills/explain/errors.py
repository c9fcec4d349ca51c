"""A build's error → causes: the tables first, then the installed libraries, the machine, and the stage's own code."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from workbench.loop.diagnosis import CauseKind, Cure, Diagnosis
from workbench.loop.schema_change import SchemaChange, missing_column
from workbench.loop.traceback_text import Failure, read_failure
from workbench.visible import visible


class Failed(BaseModel):
    """A failed build: which stage, what was said, and the stage's own traceback (untrusted text)."""

    model_config = ConfigDict(extra="ignore")

    stage: str = ""
    message: str
    hint: str = ""
    detail: str = ""
    kind: str = "pipeline"


LookAtTables = Callable[[str], SchemaChange | str]
"""The failure's text → what changed about the tables, or why that can't be said."""

# Stages up to which a failure may come from the tables.
_TABLE_STAGES = ("", "load", "validate", "preprocess", "features", "backtest")
_LIBRARY_PATH = re.compile(r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib[/\\]python3")
_LIBRARY_TYPES = (
    r"(?:DataFrame|Series|Index|GroupBy|Resampler|Rolling|Properties|Timestamp|Timedelta|Categorical|ndarray|Booster|Dataset"
    r"|LGBM\w+|XGB\w+|\w*(?:Regressor|Classifier|Encoder|Scaler|Transformer|Vectorizer|Imputer|Pipeline|CV))"
)


def of_error(root: Path, failed: Failed, look_at_tables: LookAtTables) -> list[Diagnosis]:
    """The causes of one failed build; the last resort is the exception itself."""
    failure = read_failure(root, failed.message, failed.detail)
    found = [*_machine(failed, failure), *_contract(failed)]
    if found:
        return found
    removal = _removal(root, failed, failure)
    if failed.stage in _TABLE_STAGES and not (removal and not _could_be_tables(failure)):
        found += _tables(failed, look_at_tables(f"{failed.message}\n{failure.text}"))
    if found and not removal:
        return found
    return [*found, *removal] or [_own_code(failed, failure)]


def _could_be_tables(failure: Failure) -> bool:
    """Whether an exception that looks like a library's removal may as well come from a table that changed."""
    return not re.search(r"unexpected keyword argument|has no attribute|cannot import name|No module named", failure.text)


def _tables(failed: Failed, change: SchemaChange | str) -> list[Diagnosis]:
    if isinstance(change, str):
        return _reading(failed) if failed.stage in ("", "load") else []
    found = []
    for key, why in change.evidence.items():
        table, _, column = key.partition(".")
        kind = CauseKind.SCHEMA_RETYPE if column in change.retypes.get(table, {}) else CauseKind.SCHEMA_RENAME
        if column in change.scales.get(table, {}):
            kind = CauseKind.SCHEMA_RESCALE
        new = {ours: upstream for upstream, ours in change.renames.get(table, {}).items()}
        if column in new:
            kind = CauseKind.SCHEMA_RENAME
        found.append(
            Diagnosis(
                kind=kind, stage=failed.stage or "load", source=key, column=column or None, evidence=why, cure=_migrate(change),
                message=f"Upstream changed `{key}`: {why[-1] if kind is CauseKind.SCHEMA_RETYPE else why[0]}.",
            )
        )  # fmt: skip
    for key, reason in change.unexplained.items():
        table, _, column = key.partition(".")
        found.append(
            Diagnosis(
                kind=CauseKind.SCHEMA_MISSING, stage=failed.stage or "load", source=key, column=column or None,
                evidence=[failed.message],
                message=f"`{key}` is not what the contract declares: {reason}. No skill can know what it became.",
            )
        )  # fmt: skip
    return found


def _migrate(change: SchemaChange) -> Cure:
    given = change.model_dump(mode="json", include={"tables", "renames", "retypes", "scales"})
    return Cure(skill="migrate", input={name: value for name, value in given.items() if value})


def _reading(failed: Failed) -> list[Diagnosis]:
    """The load stage fails on a column by name: what it reads has changed, and only the reading call can be mended."""
    text = f"{failed.message}\n{failed.detail}"
    column = missing_column(text)
    if column is None:
        return []
    return [
        Diagnosis(
            kind=CauseKind.SCHEMA_RENAME, stage="load", source=None, column=column, evidence=[visible(failed.message, limit=500)],
            message=f"The load stage asks for the column `{visible(column, limit=80)}`, and what it reads doesn't have it.",
            cure=Cure(skill="migrate"),
        )
    ]  # fmt: skip


def _removal(root: Path, failed: Failed, failure: Failure) -> list[Diagnosis]:
    """The exceptions by which a library says that it no longer has something."""
    if not _is_removal(root, failure):
        return []
    place = f"{failure.frames[0].path}:{failure.frames[0].line}" if failure.frames else "the code"
    return [
        Diagnosis(
            kind=CauseKind.FRAMEWORK_REMOVAL, stage=failed.stage, source=failure.frames[0].path if failure.frames else None,
            evidence=[visible(failure.text, limit=500), f"at {place}"],
            message=f"{place} uses what the installed library doesn't have: {visible(failure.text.splitlines()[0], limit=200)}.",
            cure=Cure(skill="upgrade", input={"message": failed.message, "detail": failed.detail}),
        )
    ]  # fmt: skip


def _is_removal(root: Path, failure: Failure) -> bool:
    text = failure.text
    called = re.search(r"TypeError: (?:([\w.]+)\(\) )?(?:got an unexpected keyword argument|takes .*positional argument)", text)
    if called:
        name = (called[1] or "").removesuffix(".__init__").rpartition(".")[2]
        owner = (called[1] or "").removesuffix(".__init__").rpartition(".")[0].rpartition(".")[2]
        return not called[1] or not _defined_here(root, failure, {name, owner} - {""})
    if re.search(rf"AttributeError: (?:type object )?'[\w.]*?{_LIBRARY_TYPES}\w*'(?: object)? has no attribute", text):
        return True
    if re.search(
        r"InvalidParameterError: |was removed in the NumPy|Invalid frequency: |is no longer supported for offsets", text
    ):
        return True
    if re.search(
        r"Unable to avoid copy while creating an array|invalid unit abbreviation|passed window \S+ is not compatible", text
    ):
        return True
    if re.search(
        r"ValueError: (?:Invalid parameter '?\w+'? for estimator|orient '\w+' not understood|Can not interpolate with method)",
        text,
    ):
        return True
    if re.search(r"KeyError: (?:-?\d+|'[\w@]+-(?:mean|stdv)')$", text) or re.search(
        r"agg function failed \[|Cannot perform reduction", text
    ):
        return any(_LIBRARY_PATH.search(file) for file in failure.files) or "-mean" in text or "-stdv" in text
    module = re.search(
        r"(?:[Mm]odule '([\w.]+)' has no attribute|cannot import name '\w+' from '([\w.]+)'|No module named '([\w.]+)')", text
    )
    if module:
        name = next(group for group in module.groups() if group)
        top = name.partition(".")[0]
        in_workspace = (root / top).is_dir() or (root / f"{top}.py").is_file()
        return not in_workspace and importlib.util.find_spec(top) is not None
    return False


def _defined_here(root: Path, failure: Failure, names: set[str]) -> bool:
    """Whether a file of the workspace that the traceback leads through, or one beside it, defines one of the names."""
    places = {root / frame.path for frame in failure.frames}
    places |= {file for place in list(places) for file in place.parent.glob("*.py")}
    pattern = re.compile(rf"^\s*(?:def|class) (?:{'|'.join(map(re.escape, names))})\b", re.MULTILINE) if names else None
    return pattern is not None and any(
        pattern.search(place.read_text("utf-8", errors="replace")) for place in places if place.is_file()
    )


def _machine(failed: Failed, failure: Failure) -> list[Diagnosis]:
    """What isn't the pipeline's fault: memory, time, the sandbox, a package that isn't installed."""
    words = None
    module = re.search(r"ModuleNotFoundError: No module named '([\w]+)'", failure.text)
    if failed.kind == "sandbox" or "sandbox could not be set up" in failed.message:
        words = f"{failed.message} `workbench doctor` says what this machine lacks."
    elif re.search(r"MemoryError|OutOfMemory|SIGKILL|SIGXCPU|took longer than \d+ s", f"{failure.text} {failed.message}"):
        words = f"The stages ran out of what they are given: {visible(failed.message, limit=300)}"
    elif module is not None and importlib.util.find_spec(module[1]) is None:
        words = f"The package `{module[1]}` is not installed; installing it is a change of dependencies that a person decides."
    elif re.search(r"PermissionError: \[Errno 1?3?\]", failure.text):
        words = f"The sandbox refused what the stage asked for: {visible(failure.text, limit=300)}"
    if words is None:
        return []
    return [
        Diagnosis(kind=CauseKind.ENVIRONMENT, stage=failed.stage, message=words, evidence=[visible(failed.message, limit=500)])
    ]


def _contract(failed: Failed) -> list[Diagnosis]:
    if failed.kind not in ("contract", "config", "policy"):
        return []
    words = f"{failed.message} {failed.hint}".strip()
    return [Diagnosis(kind=CauseKind.CONTRACT, message=f"{words} A person mends what a person wrote.", evidence=[failed.message])]


def _own_code(failed: Failed, failure: Failure) -> Diagnosis:
    where = f" at {failure.frames[0].path}:{failure.frames[0].line}" if failure.frames else ""
    kind = CauseKind.CODE_ERROR if failure.frames or failed.detail else CauseKind.UNKNOWN
    said = visible((failure.text or failed.message).splitlines()[0], limit=300)
    return Diagnosis(
        kind=kind, stage=failed.stage, source=failure.frames[0].path if failure.frames else None,
        message=f"The stage `{failed.stage or 'pipeline'}` fails{where}: {said}. No skill is known to cure it.",
        evidence=[visible(failed.message, limit=500)],
    )  # fmt: skip
