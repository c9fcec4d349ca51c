"""What LightGBM 4 took out of training calls; most of it became a callback."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from skills.upgrade.removal import NoCure, Removal, Site, dropped_keyword, is_named, unexpected
from workbench.skills.call_edits import add_argument, remove_arguments
from workbench.skills.source import Container, constant_text, keyword, require_name

_ENGINE = ("verbose_eval", "early_stopping_rounds", "evals_result", "learning_rates", "show_stdv", "fobj", "feature_name",
           "categorical_feature", "silent")  # fmt: skip
_ESTIMATOR = ("early_stopping_rounds", "verbose")


def _engine(site: Site) -> Iterator[str]:
    """`lightgbm.train` and `lightgbm.cv`, also called through a function that passes its keywords on."""
    for call in site.module.calls():
        target = call.args[0] if is_named(site.module, call.func, ["partial"]) and call.args else call.func
        ours = is_named(site.module, target, ["train", "cv"], "lightgbm")
        if ours or (site.located and site.on_path(call)):
            for options in [call, *_splatted(site, call)]:
                if ours or any(_entry(options, name) for name in _ENGINE[:4]):
                    yield from _to_callbacks(site, options, _ENGINE, call if ours and target is call.func else None)


def _estimator(site: Site) -> Iterator[str]:
    """`fit` of the scikit-learn classes, also through a pipeline (`model__early_stopping_rounds=`)."""
    for call in site.module.calls():
        if not (isinstance(call.func, ast.Attribute) and call.func.attr.startswith("fit")):
            continue
        if _is_lightgbm_estimator(site, call.func.value) or (site.located and site.on_path(call)):
            for options in [call, *_splatted(site, call)]:
                yield from _to_callbacks(site, options, _ESTIMATOR, None)


def _is_lightgbm_estimator(site: Site, node: ast.expr) -> bool:
    classes = ["LGBMRegressor", "LGBMClassifier", "LGBMRanker", "LGBMModel"]
    if isinstance(node, ast.Call):
        return is_named(site.module, node.func, classes, "lightgbm")
    if not isinstance(node, ast.Name):
        return False
    values = [a.value for a in ast.walk(site.module.scope(node)) if isinstance(a, ast.Assign)
              if any(isinstance(t, ast.Name) and t.id == node.id for t in a.targets)]  # fmt: skip
    return bool(values) and all(isinstance(v, ast.Call) and is_named(site.module, v.func, classes, "lightgbm") for v in values)


def _splatted(site: Site, call: ast.Call) -> Iterator[Container]:
    """Dictionaries written out in this file that the call takes with `**`."""
    for entry in call.keywords:
        if entry.arg is not None:
            continue
        found: ast.expr | None = entry.value
        if isinstance(found, ast.Name):
            name = found.id
            scopes = [site.module.scope(call), site.module.tree]
            found = next((a.value for scope in scopes for a in ast.walk(scope) if isinstance(a, ast.Assign)
                          if any(isinstance(t, ast.Name) and t.id == name for t in a.targets)), None)  # fmt: skip
        if isinstance(found, ast.Dict) or (isinstance(found, ast.Call) and site.module.dotted(found.func) == "dict"):
            yield found


def _entries(options: Container) -> dict[str, tuple[ast.expr | ast.keyword, ast.expr]]:
    if isinstance(options, ast.Call):
        return {k.arg: (k, k.value) for k in options.keywords if k.arg is not None}
    return {str(k.value): (k, v) for k, v in zip(options.keys, options.values) if constant_text(k)}


def _entry(options: Container, name: str) -> ast.expr | None:
    found = [value for key, (_, value) in _entries(options).items() if re.fullmatch(rf"(?:\w+__)?{name}", key)]
    return found[0] if found else None


def _to_callbacks(site: Site, options: Container, names: tuple[str, ...], call: ast.Call | None) -> Iterator[str]:
    module, entries = site.module, _entries(options)
    gone = {key: key.rpartition("__")[2] for key in entries if key.rpartition("__")[2] in names}
    if not gone:
        return
    by_name = {name: entries[key][1] for key, name in gone.items()}
    prefix = next(iter(gone))[: -len(gone[next(iter(gone))])]
    if call is not None:
        _to_other_arguments(site, call, by_name)
    written = _callbacks(site, by_name, call)
    removed = [entries[key][0] for key in gone]
    key = f"{prefix}callbacks"
    existing = entries[key][1] if key in entries else None
    if written and isinstance(existing, ast.List | ast.Tuple):
        behind = existing.elts[-1] if existing.elts else None
        text = ", ".join(written)
        site.edits.insert(module.end(behind) if behind else module.end(existing) - 1, f", {text}" if behind else text)
    elif written and existing is not None:
        site.edits.replace(
            module.start(existing), module.end(existing), f"[*({module.segment(existing)} or []), {', '.join(written)}]"
        )
    elif written:
        joined = f"[{', '.join(written)}]"
        text = f"{key}={joined}" if isinstance(options, ast.Call) else f'"{key}": {joined}'
        add_argument(module, options, text, site.edits, ignoring=removed)
    remove_arguments(module, options, removed, site.edits)
    said = ", ".join(f"`{key}`" for key in gone)
    yield f"{said} → callbacks ({', '.join(text.partition('(')[0] for text in written)})" if written else f"{said} dropped"


def _callbacks(site: Site, gone: dict[str, ast.expr], call: ast.Call | None) -> list[str]:
    """The callbacks that say what the removed keywords said, as source text."""
    module = site.module
    near = module.dotted(call.func.value) if call is not None and isinstance(call.func, ast.Attribute) else None

    def name(callback: str) -> str:
        return require_name(module, "lightgbm", callback, site.edits, near=near)

    texts: list[str] = []
    verbose = gone.get("verbose_eval", gone.get("verbose"))
    rounds = gone.get("early_stopping_rounds")
    if rounds is not None and not _is_nothing(rounds):
        quiet = ""
        if isinstance(verbose, ast.Constant):
            quiet = ", verbose=False" if not verbose.value else ""
        elif verbose is not None:
            quiet = f", verbose=bool({module.segment(verbose)})"
        texts.append(f"{name('early_stopping')}({module.segment(rounds)}{quiet})")
    texts += _logging(module.segment(verbose) if verbose is not None else "", verbose, gone.get("show_stdv"), name)
    results = gone.get("evals_result")
    if results is not None and not _is_nothing(results):
        texts.append(f"{name('record_evaluation')}({module.segment(results)})")
    rates = gone.get("learning_rates")
    if rates is not None and not _is_nothing(rates):
        texts.append(f"{name('reset_parameter')}(learning_rate={module.segment(rates)})")
    return texts


def _logging(text: str, verbose: ast.expr | None, deviation: ast.expr | None, name: object) -> list[str]:
    assert callable(name)
    if verbose is None or (isinstance(verbose, ast.Constant) and not verbose.value):
        return []  # nothing was asked for, and nothing is what the newer version logs by itself
    if isinstance(verbose, ast.UnaryOp) and isinstance(verbose.op, ast.USub):
        return []
    period = "1" if isinstance(verbose, ast.Constant) and verbose.value is True else text
    spread = ", show_stdv=False" if isinstance(deviation, ast.Constant) and deviation.value is False else ""
    return [f"{name('log_evaluation')}({period}{spread})"]


def _to_other_arguments(site: Site, call: ast.Call, gone: dict[str, ast.expr]) -> None:
    """`fobj` goes into the parameters; feature names and categories belong to the data set."""
    module, edits = site.module, site.edits

    def argument(position: int, name: str) -> ast.expr:
        named = keyword(call, name)
        if named is not None:
            return named.value
        if len(call.args) > position and not any(isinstance(a, ast.Starred) for a in call.args[: position + 1]):
            return call.args[position]
        raise NoCure(f"{module.path}:{call.lineno}: the call does not show its `{name}`")

    objective = gone.get("fobj")
    if objective is not None and not _is_nothing(objective):
        params = argument(0, "params")
        edits.replace(
            module.start(params), module.end(params), f'{{**{module.segment(params)}, "objective": {module.segment(objective)}}}'
        )
    setters = ""
    for name in ("feature_name", "categorical_feature"):
        value = gone.get(name)
        if value is not None and not _is_nothing(value) and not (constant_text(value) and value.value == "auto"):
            setters += f".set_{name}({module.segment(value)})"
    if setters:
        edits.insert(module.end(argument(1, "train_set")), setters)


def _is_nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _result_keys(site: Site) -> Iterator[str]:
    """`cv` names its results with the data set in front: `valid l2-mean`."""
    if not site.located:
        return
    assert site.match is not None
    suffix = site.match["key"]
    metrics = {suffix.rpartition("-")[0]}
    for node in ast.walk(site.module.tree):
        if isinstance(node, ast.Subscript) and constant_text(node.slice):
            metric, _, kind = node.slice.value.rpartition("-")
            if metric in metrics and kind in ("mean", "stdv"):
                quote = site.module.segment(node.slice)[-1]
                site.edits.replace(
                    site.module.start(node.slice), site.module.end(node.slice), f"{quote}valid {node.slice.value}{quote}"
                )
                yield f"`{node.slice.value}` → `valid {node.slice.value}`"


REMOVALS: list[Removal] = [
    Removal("lightgbm-engine-keywords", "lightgbm", "4.0", unexpected("|".join(_ENGINE), "train", "cv"), _engine),
    Removal("lightgbm-fit-keywords", "lightgbm", "4.0", unexpected("|".join(_ESTIMATOR), r"LGBM\w*\.fit"), _estimator),
    Removal(
        "lightgbm-silent",
        "lightgbm",
        "4.0",
        unexpected("silent", "Dataset", "Booster"),
        dropped_keyword(["Dataset", "Booster"], "lightgbm", "silent"),
    ),
    Removal(
        "lightgbm-cv-result-names",
        "lightgbm",
        "4.0",
        r"KeyError: '(?P<key>[\w@]+-(?:mean|stdv))'",
        _result_keys,
        everywhere=False,
    ),
]
