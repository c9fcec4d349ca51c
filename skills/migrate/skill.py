"""Undoes what upstream did to the tables (renamed, retyped, in another unit), in the code that loads them.

Finds out itself what changed, or takes it as given. A candidate is proposed only after the edited tree has been seen to
load under the contract. How the edit is written is in `literals.py` and `wrapper.py`, at the reading call in `reading.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from skills.migrate import literals
from skills.migrate.reading import mend, watched_reads
from skills.migrate.wrapper import wrap
from workbench.errors import PipelineError
from workbench.gates.schema.profile import Profile, read_reference
from workbench.loop.casts import parse
from workbench.loop.schema_change import SchemaChange, clocks_aligned, code_words, find_changes, guess_rename, missing_column
from workbench.loop.trial import edited_copy
from workbench.pipeline.contract import Contract, load_contract
from workbench.pipeline.runner import Pipeline
from workbench.skills.run import SkillContext
from workbench.skills.source import Edits, Module, Uneditable, imported_files, module_path

MOST_READS = 8
SAID = "Upstream changed its tables:"


class Input(BaseModel):
    """What to undo; all empty: find out. `renames` is table → {upstream's column: ours}, `tables` upstream's name → ours,
    `retypes` table → {our column: cast}, `scales` table → {our column: [factor, offset]}, now = factor × before + offset."""

    model_config = ConfigDict(extra="forbid")

    tables: dict[str, str] = Field(default_factory=dict)
    renames: dict[str, dict[str, str]] = Field(default_factory=dict)
    retypes: dict[str, dict[str, str]] = Field(default_factory=dict)
    scales: dict[str, dict[str, tuple[float, float]]] = Field(default_factory=dict)


class Output(BaseModel):
    """`edits`: path → new text; empty where there is no cure, and then `reason` says why."""

    ok: bool
    edits: dict[str, str | None] = Field(default_factory=dict)
    summary: str = ""
    reason: str = ""
    then: str = ""
    """What fails behind the repaired tables, if something does: a cause of its own, diagnosed next."""
    evidence: list[str] = Field(default_factory=list)
    tried: list[str] = Field(default_factory=list)
    """Ways of writing the repair that were tried on a copy, and what came of each."""


@dataclass(frozen=True)
class Verdict:
    """What came of a candidate: `loads` as the contract says with nothing left to undo; `why` it doesn't build on, or ""."""

    loads: bool
    why: str = ""


Proof = Callable[[Mapping[str, str]], Verdict]


def run(context: SkillContext, input: Input) -> Output:
    """Proposes edits of the tree at `context.root`. Raises ContractError where the contract can't be used."""
    contract = load_contract(context.root, context.use_case)
    reference = read_reference(context.root, context.use_case)
    change, before, said = SchemaChange.model_validate(input.model_dump()), dict[str, str](), list[str]()
    if not change:
        try:
            tables, before, said = _tables(context, contract, reference)
        except PipelineError as error:
            return Output(
                ok=False, reason=f"the load stage itself fails, and not on a renamed column: {error.message}", tried=said
            )
        change = find_changes(contract, tables, reference)
        if not change:
            return _without_change(context, contract, tables, change, before, said)
    proof = _proof(context, contract)
    found = repair(context.root, contract, change, proof, before)
    for _ in range(MOST_READS):
        column = missing_column(found.then) if found.ok else None
        further = _further(context, contract, column, change) if column is not None else None
        if further is None:
            break
        change, found = further, repair(context.root, contract, further, proof, before)
    return found


def _further(context: SkillContext, contract: Contract, column: str, change: SchemaChange) -> SchemaChange | None:
    """The change and one more rename: of a column that only the code knows, by its name."""
    with Pipeline(context.settings, contract, root=context.root) as pipeline:
        try:
            tables = pipeline.load(check=False)
        except PipelineError:
            return None
    guess = guess_rename(tables, column, code_words(context.root, contract))
    fresh = {t: c for t, c in guess.renames.items() if column not in change.renames.get(t, {}).values()}
    if not fresh:
        return None
    more = change.model_copy(deep=True)
    for table, columns in fresh.items():
        more.renames[table] = {**more.renames.get(table, {}), **columns}
        more.evidence.update(guess.evidence)
    return more


def _tables(
    context: SkillContext, contract: Contract, reference: Profile | None
) -> tuple[dict[str, pd.DataFrame], dict[str, str], list[str]]:
    """The tables, unchecked, and the edits at reading calls without which they can't be loaded at all, in words, too."""
    edits: dict[str, str] = {}
    said: list[str] = []
    words = code_words(context.root, contract)
    for _ in range(MOST_READS):
        with (
            edited_copy(context.settings, context.root, edits) as copy,
            Pipeline(context.settings, contract, root=copy) as pipeline,
        ):
            try:
                return pipeline.load(check=False), edits, said
            except PipelineError as error:
                failure = error
        column = missing_column(f"{failure.message}\n{failure.detail}")
        if column is None:
            raise failure
        try:
            reads = watched_reads(context.settings, contract, context.root, edits)
        except (Uneditable, OSError):
            raise failure from None
        mended = mend(context.root, contract, reference, reads, column, edits, words)
        if mended is None:
            raise failure
        edits, done = mended
        said.append(done)
    raise failure


def _without_change(
    context: SkillContext,
    contract: Contract,
    tables: dict[str, pd.DataFrame],
    change: SchemaChange,
    before: dict[str, str],
    said: list[str],
) -> Output:
    """Contract and reference see no change: reads that were mended, clocks that don't go together, or nothing to do."""
    proof = _proof(context, contract)
    verdict = proof(before)
    if before and verdict.loads:
        return Output(ok=True, edits=dict(before), summary=f"{SAID} {', '.join(said)}", then=verdict.why, tried=said)
    if verdict.why:
        column = missing_column(verdict.why)
        ways = [guess_rename(tables, column, code_words(context.root, contract))] if column else []
        ways += clocks_aligned(contract, tables) if re.search(r"tz-|datetime64", verdict.why) else []
        for way in ways:
            found = repair(context.root, contract, way, proof, before) if way else Output(ok=False)
            if found.ok and not found.then:
                return found
    missing = "; ".join(f"{name}: {why}" for name, why in change.unexplained.items())
    return Output(ok=False, reason=missing or "the tables are what the contract and the reference say", tried=said)


def repair(root: Path, contract: Contract, change: SchemaChange, proof: Proof, before: Mapping[str, str] | None = None) -> Output:
    """The first way of writing the repair that the proof accepts; `before` are edits that it comes on top of."""
    module_name, _, name = contract.stages.load.partition(":")
    path = module_path(root, module_name)
    evidence = [words for found in change.evidence.values() for words in found]
    if path is None:
        return Output(
            ok=False, reason=f"the load stage's module {module_name} is not a file of this workspace", evidence=evidence
        )
    tried: list[str] = []
    second: tuple[dict[str, str], SchemaChange, str] | None = None
    for way, variant, edits in candidates(root, path, name, change, before or {}):
        verdict = proof(edits)
        tried.append(f"{way}: {verdict.why or 'works'}")
        if verdict.loads and not verdict.why:
            return Output(ok=True, edits=dict(edits), summary=_summary(variant), evidence=evidence, tried=tried)
        if verdict.loads and second is None:
            second = (edits, variant, verdict.why)
    if second is not None:
        # The tables are right again; what fails behind them may have a cause of its own, which is diagnosed next.
        edits, variant, why = second
        return Output(ok=True, edits=dict(edits), summary=_summary(variant), then=why, evidence=evidence, tried=tried)
    reason = "no way of writing the repair made the tables load as the contract says"
    if not tried:
        reason = f"{path} does not show where the tables come from"
    return Output(ok=False, reason=reason, evidence=evidence, tried=tried)


def candidates(
    root: Path, path: str, name: str, change: SchemaChange, before: Mapping[str, str]
) -> Iterator[tuple[str, SchemaChange, dict[str, str]]]:
    """Ways of writing the repair, the most fitting first: in the module's own tables of changes, else around the callable."""
    for variant in _readings(change):
        casts = [cast for columns in variant.retypes.values() for cast in columns.values()]
        said = "" if variant is change else f" ({', '.join(casts)})"
        for file in imported_files(root, path):
            edited = _in_literals(root, file, path, name, variant, before)
            if edited:
                yield f"in {file}{said}", variant, {**before, **edited}
        try:
            module = _module(root, path, before)
            edits = Edits()
            if "." not in name and wrap(module, name, variant, edits):
                yield f"around `{name}` in {path}{said}", variant, {**before, path: module.finished(edits)}
        except (Uneditable, OSError):
            continue


def _readings(change: SchemaChange) -> Iterator[SchemaChange]:
    """The change with times read as moments in UTC; should the code not work on those, also as naive times and as text."""
    yield change
    moments = [(t, c) for t, columns in change.retypes.items() for c, cast in columns.items() if _is_moment(cast)]
    for form in ("naive", ":%Y-%m-%dT%H:%M:%SZ", ":%Y-%m-%d %H:%M:%S", ":%Y-%m-%d"):
        if not moments:
            return
        other = change.model_copy(deep=True)
        for table, column in moments:
            cast = change.retypes[table][column]
            other.retypes[table][column] = f"{cast}@UTC" if form == "naive" else f"{cast}{form}"
        yield other


def _is_moment(cast: str) -> bool:
    word, argument, zone = parse(cast)
    return (word.startswith("epoch-") or word in ("time", "day-first")) and not argument and not zone


def _module(root: Path, path: str, before: Mapping[str, str]) -> Module:
    return Module(before[path], path) if path in before else Module.read(root, path)


def _in_literals(
    root: Path, file: str, path: str, name: str, change: SchemaChange, before: Mapping[str, str]
) -> dict[str, str] | None:
    """Edits of `RENAMED` and `RETYPED` in one file; what they can't say goes around the callable. None without a place."""
    try:
        module = _module(root, file, before)
    except (Uneditable, OSError):
        return None
    rest, edits = change.model_copy(deep=True), Edits()
    if change.renames and literals.has_place(module, literals.RENAMED):
        literals.add_entries(module, literals.RENAMED, change.renames, edits)
        rest.renames = {}
    if change.retypes and literals.has_place(module, literals.RETYPED) and literals.knows_casts(module, change.retypes):
        literals.add_entries(module, literals.RETYPED, change.retypes, edits)
        rest.retypes = {}
    if not edits:
        return None
    try:
        edited = {file: module.finished(edits)}
        if rest:
            other = Module(edited[file], file) if file == path else _module(root, path, before)
            more = Edits()
            if "." in name or not wrap(other, name, rest, more):
                return None
            edited[path] = other.finished(more)
    except (Uneditable, OSError):
        return None
    return edited


def _proof(context: SkillContext, contract: Contract) -> Proof:
    """Whether an edited tree loads under the contract, has nothing left to undo, and builds its features."""

    def proof(edits: Mapping[str, str]) -> Verdict:
        context.say("try a repair on a copy")
        with (
            edited_copy(context.settings, context.root, edits) as copy,
            Pipeline(context.settings, contract, root=copy) as pipeline,
        ):
            try:
                tables = pipeline.load()
            except PipelineError as error:
                return Verdict(False, f"{error.stage or 'load'}: {error.message}")
            left = find_changes(contract, tables, read_reference(context.root, context.use_case))
            if left:
                words = [words for found in left.evidence.values() for words in found]
                return Verdict(False, "after it the tables still differ: " + "; ".join(words))
            try:
                if contract.stages.features:
                    pipeline.run(tables, until="features")
            except PipelineError as error:
                return Verdict(True, f"{error.stage or 'pipeline'}: {error.message}")
        return Verdict(True)

    return proof


def _summary(change: SchemaChange) -> str:
    said = [f"table {upstream} is read as {ours}" for upstream, ours in change.tables.items()]
    said += [f"{t}.{upstream} is read as {ours}" for t, columns in change.renames.items() for upstream, ours in columns.items()]
    said += [f"{t}.{column} is read by {cast}" for t, columns in change.retypes.items() for column, cast in columns.items()]
    said += [f"{t}.{column} is scaled back" for t, columns in change.scales.items() for column in columns]
    return f"{SAID} {', '.join(said)}"
