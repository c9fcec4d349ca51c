"""Seeds for splits that draw at random and differ from run to run."""

from __future__ import annotations

import ast

from workbench.skills.call_edits import add_argument
from workbench.skills.source import Edits, Module, keyword

_SPLITTERS = {"KFold", "StratifiedKFold", "ShuffleSplit", "StratifiedShuffleSplit", "GroupShuffleSplit", "train_test_split",
              "RepeatedKFold", "RepeatedStratifiedKFold", "StratifiedGroupKFold"}  # fmt: skip
_DRAWS = ("numpy.random.permutation", "numpy.random.choice")
_NEED_SHUFFLE = {"KFold", "StratifiedKFold", "StratifiedGroupKFold"}


def seeded(module: Module) -> str | None:
    """The module's text with a fixed seed wherever it draws without one; None where nothing draws."""
    edits = Edits()
    for call in module.calls():
        name = (module.dotted(call.func) or "").rpartition(".")[2]
        if name in _SPLITTERS:
            shuffle, seed = keyword(call, "shuffle"), keyword(call, "random_state")
            shuffles = (
                isinstance(shuffle.value, ast.Constant) and bool(shuffle.value.value) if shuffle else name not in _NEED_SHUFFLE
            )
            if shuffles and seed is None:
                add_argument(module, call, "random_state=0", edits)
            elif shuffles and seed is not None and isinstance(seed.value, ast.Constant) and seed.value.value is None:
                edits.replace(module.start(seed.value), module.end(seed.value), "0")
        elif name == "sample" and isinstance(call.func, ast.Attribute) and keyword(call, "random_state") is None:
            add_argument(module, call, "random_state=0", edits)
        elif module.qualified(call.func) == "numpy.random.default_rng" and not call.args and not call.keywords:
            edits.insert(module.end(call) - 1, "0")
        elif module.qualified(call.func) in _DRAWS and isinstance(call.func, ast.Attribute):
            prefix = module.segment(call.func.value)
            edits.replace(module.start(call.func), module.end(call.func), f"{prefix}.default_rng(0).{name}")
    return module.finished(edits) if edits else None
