"""What drills are made of: the catalogue's own leaks and harmless changes, both written as steps around a use case's stages.

Each is one small module beside the stages and a line of the contract that names it. A leak and a harmless change of the same
stages have the same title, so that only what they do tells them apart. Putting them before people is `review/drills.py`'s part.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.mutants.own_leaks import OWN_LEAKS, OwnLeak, names_for, retargeted
from workbench.pipeline.contract import Contract
from workbench.review.drills import Planned

_MODULES = ("steps", "prepared", "wrapped", "stage_edges", "tidy", "adapters")
_KINDS = {
    "features": "feature", "split": "split", "fit": "model", "predict": "model", "metrics": "metric", "serve": "serving"
}  # fmt: skip
_TITLES = {
    "features": "settle one column of the frame before training",
    "split": "tidy the rows of each fold",
    "fit": "hand the training rows over in one piece",
    "predict": "settle the form of the predictions",
    "metrics": "settle the form of the scores",
    "serve": "settle the form of an answer",
}
_FUNCTIONS = {
    "numbers": """
def numbers(values):
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype("float64")
    codes, _ = pd.factorize(values, sort=True)
    return pd.Series(np.where(codes < 0, np.nan, codes), index=values.index)
""",
    "a_feature": """
def a_feature(frame):
    names = LISTED or [name for name in frame.columns if name not in KEYS]
    return next(name for name in names if pd.api.types.is_float_dtype(frame[name].dtype) and frame[name].nunique() > 1)
""",
}


@dataclass(frozen=True)
class _Harmless:
    """A change of stages that leaks nothing."""

    name: str
    stages: tuple[str, ...]
    code: str


_HARMLESS = (
    _Harmless(
        "a feature is made a float",
        ("features",),
        """
def features(tables):
    frame = original("features")(tables).copy()
    name = a_feature(frame)
    frame[name] = numbers(frame[name])
    return frame
""",
    ),
    _Harmless(
        "a feature is moved by a constant",
        ("features",),
        """
def features(tables):
    frame = original("features")(tables).copy()
    name = a_feature(frame)
    frame[name] = numbers(frame[name]) - 1.0
    return frame
""",
    ),
    _Harmless(
        "a feature is bent by a fixed curve",
        ("features",),
        """
def features(tables):
    frame = original("features")(tables).copy()
    name = a_feature(frame)
    frame[name] = np.arctan(numbers(frame[name]) / 100.0)
    return frame
""",
    ),
    _Harmless(
        "a tenth of the training rows is left out",
        ("split",),
        """
def split(frame):
    for train, test in original("split")(frame):
        train, test = np.asarray(train), np.asarray(test)
        yield train[len(train) // 10 :], test
""",
    ),
    _Harmless(
        "test rows are taken out of the training rows",
        ("split",),
        """
def split(frame):
    for train, test in original("split")(frame):
        train, test = np.asarray(train), np.asarray(test)
        yield np.setdiff1d(train, test), test
""",
    ),
    _Harmless(
        "training rows are numbered anew",
        ("fit",),
        """
def fit(train):
    return original("fit")(train.reset_index(drop=True))
""",
    ),
    _Harmless(
        "predictions are made floats",
        ("predict",),
        """
def predict(model, frame):
    made = np.asarray(original("predict")(model, frame))
    return made.astype("float64") if made.dtype.kind in "iuf" else made
""",
    ),
    _Harmless(
        "scores are made floats",
        ("metrics",),
        """
def metrics(truth, predictions, frame):
    return {name: float(value) for name, value in original("metrics")(truth, predictions, frame).items()}
""",
    ),
    _Harmless(
        "an answer is copied",
        ("serve",),
        """
def serve(request, tables):
    return dict(original("serve")(request, tables))
""",
    ),
)


def leaky(contract: Contract, text: str, *, seed: int) -> Iterator[Planned]:
    """Every leak that has a place in the use case, in an order that `seed` gives; `text` is the contract's file."""
    leaks = [names_for(leak, contract) for leak in OWN_LEAKS if not leak.hindrance(contract)]
    yield from _dressed(contract, text, leaks, random.Random(seed))


def harmless(contract: Contract, text: str, *, seed: int) -> Iterator[Planned]:
    """Every harmless change that has a place in the use case, likewise."""
    there = contract.stages.entries()
    fitting = [one for one in _HARMLESS if all(stage in there for stage in one.stages)]
    yield from _dressed(contract, text, fitting, random.Random(~seed))


def _dressed(contract: Contract, text: str, made: list[OwnLeak] | list[_Harmless], order: random.Random) -> Iterator[Planned]:
    """All of them once under one module name, then under the next."""
    shuffled: list[OwnLeak | _Harmless] = list(made)
    order.shuffle(shuffled)
    names = list(_MODULES)
    order.shuffle(names)
    for turn in range(len(names)):
        for number, one in enumerate(shuffled):
            found = _planned(contract, text, one, names[(turn + number) % len(names)])
            if found is not None:
                yield found


def _planned(contract: Contract, text: str, one: OwnLeak | _Harmless, name: str) -> Planned | None:
    entries = contract.stages.entries()
    package = entries[one.stages[-1]].partition(":")[0].rpartition(".")[0]
    module = f"{package}.{name}" if package else name
    changed = retargeted(text, one.stages, module)
    if changed is None:
        return None
    path = module.replace(".", "/") + ".py"
    stage = one.stages[-1]
    return Planned(
        leak=isinstance(one, OwnLeak), kind=_KINDS[stage], name=one.name, title=f"{contract.name}: {_TITLES[stage]}",
        edits={path: _module(contract, one).encode(), contract.path: changed.encode()}, planted=path,
    )  # fmt: skip


def _module(contract: Contract, one: OwnLeak | _Harmless) -> str:
    """The module's source: only the imports, names and functions that its steps use, and the stages by plain imports."""
    entries, code = contract.stages.entries(), one.code.strip()
    imports = []
    for stage in [found for found in entries if f'original("{found}")' in code]:
        module, _, name = entries[stage].partition(":")
        first, _, rest = name.partition(".")
        alias = f"{stage}_before"
        imports.append(f"from {module} import {first} as {alias}")
        code = code.replace(f'original("{stage}")', alias + (f".{rest}" if rest else ""))
    functions = [text.strip() for name, text in _FUNCTIONS.items() if re.search(rf"\b{name}\(", code)]
    body = "\n\n\n".join([*functions, code])
    prediction = contract.prediction
    keys = [*prediction.entity, *prediction.groups, prediction.target_time, prediction.prediction_time, prediction.target]
    names = {"TARGET": prediction.target, "KEYS": [key for key in keys if key], "LISTED": list(prediction.features or [])}
    constants = [f"{name} = {value!r}" for name, value in names.items() if re.search(rf"\b{name}\b", body)]
    heavy = [
        line for line, used in (("import numpy as np", r"\bnp\."), ("import pandas as pd", r"\bpd\.")) if re.search(used, body)
    ]
    blocks = [f'"""Steps around {" and ".join(one.stages)} of {contract.name}."""', "\n".join(heavy), "\n".join(imports)]
    head = "\n\n".join(block for block in blocks if block)
    return head + "\n\n" + ("\n".join(constants) + "\n\n\n" if constants else "\n") + body + "\n"
