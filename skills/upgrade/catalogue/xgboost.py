"""What XGBoost 2.1 took out of `fit`: it belongs to the estimator itself now."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from skills.upgrade.removal import NoCure, Removal, Site, is_named, unexpected
from workbench.skills.call_edits import add_argument, remove_arguments

_GONE = ("early_stopping_rounds", "eval_metric", "callbacks")
_CLASSES = ["XGBRegressor", "XGBClassifier", "XGBRanker", "XGBModel", "XGBRFRegressor", "XGBRFClassifier"]


def _to_constructor(site: Site) -> Iterator[str]:
    """`model.fit(…, early_stopping_rounds=n)` → `XGBRegressor(…, early_stopping_rounds=n)`, where the file shows it."""
    module = site.module
    for call in module.calls():
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "fit"):
            continue
        gone = [k for k in call.keywords if k.arg in _GONE]
        made = _constructor(site, call.func.value)
        if not gone or (made is None and not site.here(call)):
            continue
        if made is None:
            raise NoCure(f"{module.path}:{call.lineno}: the file doesn't show where this estimator is made")
        for entry in gone:
            add_argument(module, made, module.segment(entry), site.edits)
        remove_arguments(module, call, gone, site.edits)
        yield ", ".join(f"`{k.arg}=`" for k in gone) + " moved from `fit` to the estimator"


def _constructor(site: Site, receiver: ast.expr) -> ast.Call | None:
    if isinstance(receiver, ast.Name):
        values = [a.value for a in ast.walk(site.module.scope(receiver)) if isinstance(a, ast.Assign)
                  if any(isinstance(t, ast.Name) and t.id == receiver.id for t in a.targets)]  # fmt: skip
        receiver = values[0] if len(values) == 1 else receiver
    if isinstance(receiver, ast.Call) and is_named(site.module, receiver.func, _CLASSES, "xgboost"):
        return receiver
    return None


REMOVALS: list[Removal] = [
    Removal("xgboost-fit-keywords", "xgboost", "2.1", unexpected("|".join(_GONE), r"XGB\w*\.fit"), _to_constructor),
]
