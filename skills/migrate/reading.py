"""Undoes a rename at the call that reads the file, where the load stage itself fails on a name that isn't there any more.

What the file holds now is found out on a copy whose pandas readers keep what they read; nothing of that copy is proposed.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workbench.gates.schema.profile import Profile
from workbench.loop.schema_change import find_changes, guess_rename
from workbench.loop.trial import edited_copy
from workbench.pipeline.contract import Contract
from workbench.pipeline.runner import Pipeline
from workbench.settings import Settings
from workbench.skills.source import Edits, Module, Uneditable, constant_text, import_position, module_path

READERS = (
    "read_csv",
    "read_table",
    "read_parquet",
    "read_feather",
    "read_json",
    "read_excel",
    "read_orc",
    "read_fwf",
    "read_sql",
)
MARK = "_watched_reads"
_WATCH = """
import sys as _watch_sys

import pandas as _watch_pandas

{mark} = {{}}


def _watch(name):
    real = getattr(_watch_pandas, name, None)

    def read(*arguments, **options):
        asked = ("usecols", "parse_dates", "dtype", "index_col", "converters", "columns", "names", "date_format")
        frame = real(*arguments, **{{key: value for key, value in options.items() if key not in asked}})
        caller = _watch_sys._getframe(1)
        {mark}["%d|%s|%d" % (len({mark}), caller.f_code.co_filename, caller.f_lineno)] = frame.reset_index(drop=True)
        return real(*arguments, **options)

    if real is not None:
        setattr(_watch_pandas, name, read)


for _watch_name in {readers}:
    _watch(_watch_name)
"""
_ANSWER = """

_watch_load = {name}


def {name}():
    try:
        _watch_load()
    except Exception:
        pass
    return dict({mark})
"""


@dataclass(frozen=True)
class Read:
    """One call of a reader as it was seen: the file and line of the call, and what it read."""

    path: str
    line: int
    frame: pd.DataFrame


def watched_reads(settings: Settings, contract: Contract, root: Path, edits: Mapping[str, str]) -> list[Read]:
    """What the load stage of the edited tree reads through pandas until it fails. Raises PipelineError, Uneditable, OSError."""
    module_name, _, name = contract.stages.load.partition(":")
    path = module_path(root, module_name)
    if path is None or "." in name:
        return []
    module = Module(edits[path], path) if path in edits else Module.read(root, path)
    position = import_position(module)
    watch = _WATCH.format(mark=MARK, readers=READERS)
    text = module.text[:position] + watch + module.text[position:] + _ANSWER.format(name=name, mark=MARK)
    shifted, begin = watch.count("\n"), module.text[:position].count("\n")
    with (
        edited_copy(settings, root, {**edits, path: text}) as copy,
        Pipeline(settings, contract, root=copy, cache=False) as pipeline,
    ):
        found = []
        for key, frame in pipeline.load(check=False).items():
            _, file, line = key.split("|")
            where = _relative(copy, file)
            number = int(line) - (shifted if where == path and int(line) > begin else 0)
            if where is not None:
                found.append(Read(where, number, frame))
        return found


def _relative(copy: Path, file: str) -> str | None:
    place = Path(file).resolve()
    return place.relative_to(copy.resolve()).as_posix() if place.is_relative_to(copy.resolve()) else None


def mend(
    root: Path,
    contract: Contract,
    reference: Profile | None,
    reads: list[Read],
    column: str,
    edits: Mapping[str, str],
    words: set[str],
) -> tuple[dict[str, str], str] | None:
    """Edits at the reading call after which `column` is there, and what they do in words; None where nothing looks like it."""
    for read in reads:
        if column in read.frame.columns:
            continue
        upstream = _new_name(contract, reference, read.frame, column, words)
        if upstream is None:
            continue
        try:
            module = Module(edits[read.path], read.path) if read.path in edits else Module.read(root, read.path)
            text = _at_call(module, read.line, column, upstream)
        except (Uneditable, OSError):
            continue
        if text is not None:
            return {**edits, read.path: text}, f"{upstream} is read as {column} at {read.path}:{read.line}"
    return None


def _new_name(contract: Contract, reference: Profile | None, frame: pd.DataFrame, column: str, words: set[str]) -> str | None:
    for source in contract.sources:
        renames = find_changes(contract, {source: frame}, reference).renames.get(source, {})
        for upstream, ours in renames.items():
            if ours == column:
                return upstream
    guess = guess_rename({"table": frame}, column, words)
    return next((upstream for upstream, ours in guess.renames.get("table", {}).items() if ours == column), None)


def _at_call(module: Module, line: int, column: str, upstream: str) -> str | None:
    calls = [n for n in module.at_line(line, ast.Call) if isinstance(n, ast.Call)]
    call = next((c for c in calls if (module.dotted(c.func) or "").rpartition(".")[2] in READERS), None)
    if call is None:
        return None
    edits = Edits()
    for entry in [*call.args[1:], *(k.value for k in call.keywords)]:
        for node in ast.walk(entry):
            if constant_text(node) and node.value == column:
                edits.replace(module.start(node), module.end(node), json.dumps(upstream, ensure_ascii=False))
    pair = f"{json.dumps(upstream, ensure_ascii=False)}: {json.dumps(column, ensure_ascii=False)}"
    behind = re.match(r"\.rename\(columns=\{", module.text[module.end(call) :])
    if behind:
        edits.insert(module.end(call) + behind.end(), f"{pair}, ")
    else:
        edits.insert(module.end(call), f".rename(columns={{{pair}}})")
    return module.finished(edits)
