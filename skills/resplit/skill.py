"""Repairs a split: a wider gap where the module names one, folds purged of what wasn't known, or walk-forward folds instead.

Every candidate is run on a copy, and kept only if the findings are gone, none came instead and the pipeline still fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from skills.resplit.forward import Shape, walk_forward
from skills.resplit.gaps import needed_gaps, widen
from skills.resplit.purge import STEPS, WORDS, purge
from skills.resplit.seeds import seeded
from skills.resplit.writing import Clock
from workbench.errors import PipelineError
from workbench.findings import Finding
from workbench.loop.trial import edited_copy, judged
from workbench.pipeline.contract import Contract, load_contract
from workbench.pipeline.results import Fold
from workbench.pipeline.runner import Pipeline
from workbench.pipeline.times import frame_zone, label_known_times, nanoseconds, prediction_times, target_times
from workbench.skills.run import SkillContext
from workbench.skills.source import Module, Uneditable, imported_files, module_path

CURABLE = (*STEPS, "leakage/unstable-split")
NEVER = np.iinfo(np.int64).max


class Input(BaseModel):
    """`findings` of the split gate, as in an audit's JSON; none: the gate is run to find them."""

    model_config = ConfigDict(extra="forbid")

    findings: list[dict[str, Any]] = Field(default_factory=list)


class Output(BaseModel):
    """`edits`: path → new text; empty where there is no cure, and then `reason` says why."""

    ok: bool
    edits: dict[str, str | None] = Field(default_factory=dict)
    summary: str = ""
    reason: str = ""
    kept: str = ""
    """The cure that was kept, in words."""
    tried: list[str] = Field(default_factory=list)
    """Cures that were tried on a copy, in order, and what came of each."""


@dataclass(frozen=True)
class Facts:
    """What the folds are now: the frame they were made for, and the folds."""

    contract: Contract
    frame: pd.DataFrame
    folds: Sequence[Fold]


Proof = Callable[[Mapping[str, str]], str]
"""Edits → "" where the findings are gone and nothing else broke, else why not."""


def run(context: SkillContext, input: Input) -> Output:
    """Proposes edits of the tree at `context.root`. Raises ContractError where the contract can't be used."""
    contract = load_contract(context.root, context.use_case)
    if contract.stages.split is None:
        return Output(ok=False, reason="the pipeline has no split stage to repair")
    context.say("look at the folds as they are")
    errors = [Finding.model_validate({k: v for k, v in given.items() if k != "fingerprint"}) for given in input.findings]
    try:
        if not errors:
            errors = judged(context.settings, contract, context.root, "split").errors
        wanted = {finding.rule for finding in errors}
        beyond = sorted(wanted - set(CURABLE))
        if not wanted:
            return Output(ok=False, reason="the split gate has no error to repair")
        if wanted <= set(beyond):
            return Output(ok=False, reason=f"no mechanical cure is known for {', '.join(beyond)}; it needs a person's decision")
        with Pipeline(context.settings, contract, root=context.root) as pipeline:
            now = pipeline.run(pipeline.load(), until="split")
    except PipelineError as error:
        return Output(ok=False, reason=f"the pipeline does not run: {error.message}")
    assert now.frame is not None
    facts = Facts(contract, now.frame, now.folds)

    def proof(edits: Mapping[str, str]) -> str:
        return _proof(context, contract, edits, wanted - set(beyond), wanted)

    return repair(context.root, facts, sorted(wanted - set(beyond)), proof)


def _proof(context: SkillContext, contract: Contract, edits: Mapping[str, str], wanted: set[str], present: set[str]) -> str:
    context.say("try a cure on a copy")
    with edited_copy(context.settings, context.root, edits) as copy:
        try:
            after = judged(context.settings, contract, copy, "split")
        except PipelineError as error:
            return f"{error.stage or 'pipeline'}: {error.message}"
    left = [finding for finding in after.errors if finding.rule in wanted or finding.rule not in present]
    if left:
        return f"{left[0].rule}: {left[0].message}"
    return "; ".join(after.reasons)


def repair(root: Path, facts: Facts, rules: Sequence[str], proof: Proof) -> Output:
    """The first candidate that the proof accepts."""
    tried: list[str] = []
    for words, edits in candidates(root, facts, rules):
        why = proof(edits)
        tried.append(f"{words}: {why or 'works'}")
        if not why:
            summary = f"The split is repaired ({', '.join(rules)}): {words}"
            return Output(ok=True, edits=dict(edits), summary=summary, kept=words, tried=tried)
    entry = str(facts.contract.stages.split)
    reason = "none of the cures made the findings go away" if tried else f"the code of `{entry}` shows no place for a cure"
    return Output(ok=False, reason=f"{reason}; how to split is a person's decision", tried=tried)


def candidates(root: Path, facts: Facts, rules: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Cures in words and as edits, the smallest first."""
    module_name, _, name = str(facts.contract.stages.split).partition(":")
    path = module_path(root, module_name)
    if path is None or "." in name:
        return
    for words, make in _makers(root, path, name, facts, rules):
        try:
            edits = make()
        except (Uneditable, OSError):
            continue
        if edits:
            yield words, edits


def _makers(
    root: Path, path: str, name: str, facts: Facts, rules: Sequence[str]
) -> Iterator[tuple[str, Callable[[], dict[str, str] | None]]]:
    contract = facts.contract
    module = Module.read(root, path)
    clock = _clock(facts)
    if "leakage/unstable-split" in rules:
        for file in imported_files(root, path):
            yield f"a fixed seed in {file}", lambda file=file: _text(file, seeded(Module.read(root, file)))  # type: ignore[misc]
    timed = contract.prediction.target_time is not None and {"leakage/label-embargo", "leakage/time-order"} & set(rules)
    if timed and "leakage/time-order" not in rules:
        late = late_rows(facts)
        for file in imported_files(root, path):
            source = Module.read(root, file)
            for gap in needed_gaps(source, needed_seconds(facts), late):
                words = f"`{gap.name}` in {file} becomes {gap.text}"
                yield words, lambda source=source, gap=gap, file=file: {file: widen(source, gap)}  # type: ignore[misc]
    steps = sorted({STEPS[rule] for rule in rules if rule in STEPS})
    if timed and _mostly_late(facts):
        shape = Shape(len(facts.folds), float(np.mean([len(fold.test) for fold in facts.folds])) / max(1, len(facts.frame)))
        words = f"walk-forward folds in place of `{name}`, {shape.count} as before"
        yield words, lambda: _text(path, walk_forward(module, name, contract, clock, shape))
    elif steps:
        said = ", ".join(WORDS[step] for step in steps)
        yield f"the folds of `{name}` are purged of {said}", lambda: _text(path, purge(module, name, contract, clock, steps))


def _text(path: str, text: str | None) -> dict[str, str] | None:
    return None if text is None else {path: text}


def _clock(facts: Facts) -> Clock:
    column = facts.contract.prediction.target_time
    if column is None or column not in facts.frame.columns:
        return Clock()
    dtype, zone = facts.frame[column].dtype, frame_zone(facts.contract) or ""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Clock("aware")
    return Clock("naive" if pd.api.types.is_datetime64_any_dtype(dtype) else "text", zone)


def _times(facts: Facts) -> tuple[np.ndarray, ...]:
    moments = (f(facts.contract, facts.frame) for f in (target_times, prediction_times, label_known_times))
    return tuple(nanoseconds(m, NEVER) for m in moments)


def _late(facts: Facts) -> list[tuple[int, int]]:
    """Per fold: training rows whose label isn't known at the first test prediction, and training rows."""
    _, predicted, known = _times(facts)
    return [
        (int((known[f.train] > predicted[f.test].min()).sum()), len(f.train)) for f in facts.folds if len(f.test) and len(f.train)
    ]


def _mostly_late(facts: Facts) -> bool:
    """Whether purging alone would leave some fold with less than half of its training rows."""
    return any(late > rows / 2 for late, rows in _late(facts))


def late_rows(facts: Facts) -> int:
    """The most training rows that have to go in any fold."""
    return max((late for late, _ in _late(facts)), default=0)


def needed_seconds(facts: Facts) -> float:
    """The gap between the last training and the first test target time that the contract asks for."""
    target, predicted, known = _times(facts)
    ahead = max(int(target[f.test].min() - predicted[f.test].min()) for f in facts.folds if len(f.test))
    usable = known != NEVER
    return float(ahead + int((known - target)[usable].max())) / 1e9
