"""Repairs features that know the future: mechanical cures in order, each tried on a copy, the first that is proven kept.

Where the column is made is in `locate.py`, the idioms in `patterns.py`, cures of the finished column in `column.py`, and
how a candidate is tried in `proof.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from skills.deleak.column import dropped, lagged
from skills.deleak.locate import Code, Spot
from skills.deleak.patterns import Idiom, Reach, idioms, spoken
from skills.deleak.proof import Bench
from workbench.errors import PipelineError
from workbench.findings import Finding, Severity
from workbench.loop.trial import judged
from workbench.pipeline.contract import Contract, load_contract
from workbench.skills.run import SkillContext
from workbench.skills.source import Edits, Module, Uneditable

RULE = "leakage/future-feature"
MOST = 12
"""Idioms that are tried at most for one column."""
HOPELESS = 15
"""A column that looks further ahead than so many times the usual lag reads all there is: an earlier value knows it as well."""


class Input(BaseModel):
    """`findings` of the rule leakage/future-feature, as in an audit's JSON; none: the gate is run to find them."""

    model_config = ConfigDict(extra="forbid")

    findings: list[dict[str, Any]] = Field(default_factory=list)


class Output(BaseModel):
    """`edits`: path → new text; empty where there is no cure, and then `reason` says why."""

    ok: bool
    edits: dict[str, str | None] = Field(default_factory=dict)
    summary: str = ""
    reason: str = ""
    kept: dict[str, str] = Field(default_factory=dict)
    """Column → the cure that was kept, in words."""
    tried: list[str] = Field(default_factory=list)
    """Cures that were tried, in order, and what came of each."""


Proof = Callable[[str, Mapping[str, str]], str]
"""(column, all edits) → "" where the column no longer knows the future and all else is as it was, else why not."""


def run(context: SkillContext, input: Input) -> Output:
    """Proposes edits of the tree at `context.root`. Raises ContractError where the contract can't be used."""
    contract = load_contract(context.root, context.use_case)
    if contract.stages.features is None:
        return Output(ok=False, reason="the pipeline has no features stage to repair")
    findings = [Finding.model_validate({k: v for k, v in given.items() if k != "fingerprint"}) for given in input.findings]
    try:
        if not findings:
            findings = judged(context.settings, contract, context.root, "features").errors
        leaks = [f for f in findings if f.rule == RULE and f.severity is Severity.ERROR and f.column and f.lookahead]
        if not leaks:
            return Output(ok=False, reason="there is no feature that was seen to read the future")
        with Bench(context, contract, leaks) as bench:
            return repair(context.root, contract, bench.frame, leaks, bench.proof)
    except PipelineError as error:
        return Output(ok=False, reason=f"the pipeline does not run: {error.message}")


def repair(root: Path, contract: Contract, frame: pd.DataFrame, leaks: Sequence[Finding], proof: Proof) -> Output:
    """Cures every leaking column in turn; `frame` is the feature frame as it is."""
    output = Output(ok=True)
    edits: dict[str, str] = {}
    for finding in leaks:
        column = str(finding.column)
        if column in output.kept:
            continue
        for words, candidate in candidates(root, contract, frame, finding, edits):
            why = proof(column, candidate)
            output.tried.append(f"{column}: {words}: {why or 'works'}")
            if not why:
                output.kept[column], edits = words, dict(candidate)
                break
        else:
            reason = f"no mechanical cure was found for `{column}`; what it should be made of is a person's decision"
            return Output(ok=False, reason=reason, kept=output.kept, tried=output.tried)
    output.edits = dict(edits)
    output.summary = "; ".join(f"`{column}`: {words}" for column, words in output.kept.items())
    return output


def candidates(
    root: Path, contract: Contract, frame: pd.DataFrame, finding: Finding, before: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Cures in words and as edits on top of `before`: the idioms where the column is made, then the column itself, then none."""
    code = Code(root, str(contract.stages.features))
    for path, text in before.items():
        if path in code.modules:
            code.modules[path] = Module(text, path)
    column, reach = str(finding.column), reach_of(contract, frame, finding)
    for words, edited in _with_idioms(code, finding, reach):
        yield words, {**before, **edited}
    for words, make in _whole(code, contract, root, column, reach):
        try:
            edited_column = make()
        except (Uneditable, OSError):
            continue
        if edited_column:
            yield words, {**before, **edited_column}


def _whole(
    code: Code, contract: Contract, root: Path, column: str, reach: Reach
) -> Iterator[tuple[str, Callable[[], dict[str, str] | None]]]:
    if reach.step is not None and reach.ahead < HOPELESS * max(reach.lag, reach.step):
        length = reach.step * math.ceil(reach.ahead / reach.step)
        words = f"the column holds its value of {spoken(length)} before, when it was known"
        yield words, lambda: lagged(code, contract, column, length)
    yield "the column is dropped, the last resort", lambda: dropped(code, contract, root, column)


def _with_idioms(code: Code, finding: Finding, reach: Reach) -> Iterator[tuple[str, dict[str, str]]]:
    spots = code.spots(str(finding.column))
    if not spots and finding.source:
        spots = [*code.mentions(str(finding.column)), *code.mentions(finding.source.rpartition(".")[2])]
    found: list[tuple[Spot, Idiom]] = []
    seen: set[tuple[str, int, str]] = set()
    for spot in spots:
        for idiom in idioms(code.modules[spot.path], spot.node, reach):
            if (spot.path, idiom.line, idiom.words) not in seen:
                seen.add((spot.path, idiom.line, idiom.words))
                found.append((spot, idiom))
    if not found:
        found = [(s, i) for s in code.everything() for i in idioms(code.modules[s.path], s.node, reach) if i.telling == 2]
    # What says itself that it looks ahead comes first; nearer to the definition before farther from it.
    ordered = sorted(found, key=lambda pair: (-pair[1].telling, pair[0].distance))[:MOST]
    for spot, idiom in ordered:
        edited = _edited(code, [(spot, idiom)])
        if edited:
            yield f"{spot.path}:{idiom.line}: {idiom.words}", edited
    firsts: dict[tuple[str, int], tuple[Spot, Idiom]] = {}
    for spot, idiom in ordered:
        if idiom.telling:
            firsts.setdefault((spot.path, idiom.line), (spot, idiom))
    if len(firsts) > 1 and (edited := _edited(code, list(firsts.values()))):
        yield "together: " + "; ".join(f"{s.path}:{i.line}: {i.words}" for s, i in firsts.values()), edited


def _edited(code: Code, chosen: Sequence[tuple[Spot, Idiom]]) -> dict[str, str] | None:
    texts = {}
    for path in dict.fromkeys(spot.path for spot, _ in chosen):
        module, edits = code.modules[path], Edits()
        for spot, idiom in chosen:
            if spot.path == path:
                idiom.apply(edits)
        try:
            texts[path] = module.finished(edits)
        except Uneditable:
            return None
    return texts


def reach_of(contract: Contract, frame: pd.DataFrame, finding: Finding) -> Reach:
    """How far the finding's column looks ahead, in time and in rows of the frame."""
    prediction = contract.prediction
    source, _, column = (finding.source or "").partition(".")
    declared = contract.sources.get(source)
    delay = pd.Timedelta(0)
    if declared is not None:
        facts = declared.columns.get(column)
        after = facts.known_after if facts is not None and facts.known_after else declared.known_after
        delay = after.timedelta
    horizon = prediction.horizon.timedelta if prediction.horizon is not None else pd.Timedelta(0)
    clocks = [s.time for s in contract.sources.values() if s.time] + ([prediction.target_time] if prediction.target_time else [])
    return Reach(
        ahead=pd.Timedelta(str(finding.lookahead)), lag=horizon + delay, step=_step(contract, frame),
        clocks=tuple(dict.fromkeys(clocks)), entity=tuple(prediction.entity),
    )  # fmt: skip


def _step(contract: Contract, frame: pd.DataFrame) -> pd.Timedelta | None:
    """The usual time between an entity's rows; None where the target times aren't datetimes."""
    column = contract.prediction.target_time
    if column is None or column not in frame.columns or not pd.api.types.is_datetime64_any_dtype(frame[column].dtype):
        return None
    moments = frame[column].dropna().drop_duplicates().sort_values()
    steps = moments.diff().dropna()
    return pd.Timedelta(steps.mode().iloc[0]) if len(steps) else None
