"""The original split under another name, and one of the old name that takes out of its folds what may not be in them."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence

from skills.resplit.writing import (
    Clock,
    Names,
    add_imports,
    call,
    frame_name,
    free_name,
    gives_list,
    name_facts,
    parameters,
    returns,
    time_lines,
)
from workbench.pipeline.contract import Contract
from workbench.skills.source import Edits, Module

# Rule → the step that repairs it.
STEPS = {
    "leakage/label-embargo": "known",
    "leakage/time-order": "known",
    "leakage/overlap": "apart",
    "leakage/shared-group": "groups",
    "leakage/unknown-label": "labelled",
    "leakage/duplicates": "copies",
    "leakage/fold-coverage": "once",
}
WORDS = {
    "known": "labels not known at the first test prediction",
    "apart": "rows that are tested, too",
    "groups": "groups that are tested, too",
    "labelled": "rows without a label",
    "copies": "copies of test rows",
    "once": "empty and repeated parts",
}


def purge(module: Module, name: str, contract: Contract, clock: Clock, steps: Sequence[str]) -> str | None:
    """The module's new text; None where it doesn't show the split as a function or a name of its own."""
    definition = module.definition(name)
    names = name_facts(module, contract) if "known" in steps else Names()
    original = free_name(module, f"_{name.lstrip('_')}_unpurged")
    edits, end = Edits(), module.newline
    lines = _function(module, name, original, contract, clock, steps, names)
    block = end.join([*names.constants, *(["", ""] if names.constants else []), *lines]) + end
    block = add_imports(module, block, edits)
    if definition is not None:
        start = module.text.index(name, module.text.index("def", module.start(definition)) + 3)
        edits.replace(start, start + len(name), original)
        for node in ast.walk(definition):
            if isinstance(node, ast.Name) and node.id == name:
                edits.replace(module.start(node), module.end(node), original)
        position = module.line_end(module.end(definition))
        lead = "" if module.text[:position].endswith("\n") else end
        behind = module.text[position:]
        tail = end * 2 if behind.strip() and not behind.startswith(("\n", "\r\n")) else ""
        edits.insert(position, f"{lead}{end}{end}{block}{tail}")
    elif name in module.imports or module.assignment(name) is not None or _imported(module, name):
        lead = "" if module.text.endswith("\n") else end
        edits.insert(len(module.text), f"{lead}{end}{end}{original} = {name}{end}{end}{end}{block}")
    else:
        return None
    return module.finished(edits)


def _imported(module: Module, name: str) -> bool:
    return any((a.asname or a.name) == name for n in module.tree.body if isinstance(n, ast.ImportFrom) for a in n.names)


def _function(
    module: Module, name: str, original: str, contract: Contract, clock: Clock, steps: Sequence[str], names: Names
) -> list[str]:
    definition, prediction = module.definition(name), contract.prediction
    frame, listed = frame_name(definition), gives_list(module, definition)
    setup = time_lines(contract, clock, frame, names) if "known" in steps else []
    body = ["        train, test = np.asarray(train), np.asarray(test)"]
    if "once" in steps:
        body.append("        train, test = np.unique(train), np.unique(test)")
    if "labelled" in steps:
        setup.append(f"    labelled = {frame}[{json.dumps(prediction.target)}].notna().to_numpy()")
        body.append("        train, test = train[labelled[train]], test[labelled[test]]")
    if "once" in steps:
        body += ["        if not (train.size and test.size):", "            continue"]
    if "apart" in steps:
        body.append("        train = np.setdiff1d(train, test)")
    if "known" in steps:
        body.append("        train = train[known[train] <= predicted[test].min()]")
    for index, group in enumerate(prediction.groups if "groups" in steps else []):
        local = "group" if index == 0 else f"group_{index + 1}"
        setup.append(f"    {local} = {frame}[{json.dumps(group)}]")
        body.append(f"        train = train[~{local}.iloc[train].isin({local}.iloc[test]).to_numpy()]")
    if "copies" in steps:
        keys = [*prediction.entity, *([prediction.target_time] if prediction.target_time else [])]
        setup.append(
            f"    content = pd.util.hash_pandas_object({frame}.drop(columns={json.dumps(keys)}), index=False).to_numpy()"
        )
        body.append("        train = train[~np.isin(content[train], content[test])]")
    return [
        f"def {name}({parameters(module, definition)}){returns(module, definition)}:",
        f'    """The folds of {original} without training rows {_words(steps)}."""',
        *setup,
        *(["    pairs = []"] if listed else []),
        f"    for train, test in {call(definition, original)}:",
        *body,
        "        pairs.append((train, test))" if listed else "        yield train, test",
        *(["    return pairs"] if listed else []),
    ]


def _words(steps: Sequence[str]) -> str:
    if "known" in steps:
        return "whose label isn't known at the first test prediction"
    return "that may not stand beside the test rows"
