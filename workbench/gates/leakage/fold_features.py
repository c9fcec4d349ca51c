"""Features that know the test rows, or the labels, where the data have no time.

**What it does.** Builds the features again with everything changed that the sources say about rows outside a fold's training
part: the training rows' features have to stay. Then with half of the labels changed: no feature may move at all.

**Why it is bad.** A scaler, an imputation, a selection or an encoding computed over all rows before the split has looked at the
test; a category replaced by its mean label tells each row its own answer.

**Leaking**

    frame["income"] = StandardScaler().fit_transform(frame[["income"]])
    frame["region"] = frame["region"].map(frame.groupby("region")["default"].mean())

**Repaired**

    def fit(train): return make_pipeline(TargetEncoder(), StandardScaler(), …).fit(train[X], train["default"])

**How it can be wrong.** Rows are found in the sources by the contract's entity; a table without the entity's columns isn't
changed. Counts over all rows of a group are reported although they may be known before: give such a use case a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit, Ints, Mask
from workbench.gates.leakage.refits import DOWN, UP, cheapest_fold
from workbench.gates.rule import NotApplicable, NotExercised, Rule
from workbench.pipeline.asof import entity_keys
from workbench.pipeline.redraw import Draw, redraw

RELATIVE = 1e-9


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per feature that moves, for each of the two worlds."""
    if audit.timed:
        raise NotApplicable("the contract has a time; leakage/future-feature looks at it")
    index = cheapest_fold(audit)
    entity = list(audit.contract.prediction.entity)
    sources = [name for name, table in audit.tables.items() if set(entity) <= set(table.columns)]
    if not sources:
        raise NotExercised(f"no source table has the columns {', '.join(entity)}, so test rows can't be found in them")
    keys = entity_keys(audit.frame, entity)
    if not keys.is_unique:
        raise NotExercised(f"{', '.join(entity)} doesn't name the rows of the feature frame, so they can't be matched")
    stable = _stable_features(audit, keys, entity)
    train = np.unique(audit.folds[index].train)
    audit.probed(len(audit.features), "feature")
    outside = {name: ~np.isin(entity_keys(audit.tables[name], entity), keys[train]) for name in sources}
    world = {**audit.tables, **{name: _changed(audit, name, outside[name], None, UP) for name in sources}}
    yield from _moved(audit, _rebuilt(audit, world, entity, keys), train, stable, "rows outside the training part")
    target = audit.contract.prediction.target
    labelled = [name for name in sources if target in audit.tables[name].columns]
    if not labelled:
        raise NotExercised(f"no source table has the column `{target}`, so labels can't be changed in them")
    rng = np.random.default_rng(41)
    halves = {name: rng.random(len(audit.tables[name])) < 0.5 for name in labelled}
    world = {**audit.tables, **{name: _changed(audit, name, halves[name], target, DOWN) for name in labelled}}
    everyone = np.arange(len(audit.frame))
    yield from _moved(audit, _rebuilt(audit, world, entity, keys), everyone, stable, "labels")


def _changed(audit: Audit, source: str, rows: Mask, only: str | None, draw: Draw) -> pd.DataFrame:
    table, prediction = audit.tables[source], audit.contract.prediction
    kept = {*prediction.entity, *prediction.groups}
    columns = [only] if only else [name for name in table.columns if name not in kept]
    return table.assign(**{n: redraw(table[n], rows, draw, np.random.default_rng([43, i])) for i, n in enumerate(columns)})


def _rebuilt(audit: Audit, tables: Mapping[str, pd.DataFrame], entity: list[str], keys: pd.Index) -> pd.DataFrame:
    """The feature frame of a changed world in the order of the base frame; rows that are gone are missing throughout."""
    frame = audit.pipeline.run(tables, until="features").frame
    if frame is None:
        raise NotExercised("the features stage gave no frame in the changed world")
    again = entity_keys(frame, entity)
    if not again.is_unique:
        raise NotExercised("the rows of the changed world can't be matched by entity")
    frame = frame.assign(**{"\0there": 1.0})
    return frame.set_axis(again, axis=0).reindex(keys).reset_index(drop=True)


def _stable_features(audit: Audit, keys: pd.Index, entity: list[str]) -> list[str]:
    again = _rebuilt(audit, audit.tables, entity, keys)
    lost = [n for n in audit.features if n not in again.columns or _differs(audit.frame[n], again[n]).any()]
    if lost:
        raise NotExercised(f"the feature `{lost[0]}` isn't the same in two runs on the same tables")
    return audit.features


def _moved(audit: Audit, again: pd.DataFrame, rows: Ints, features: list[str], what: str) -> Iterable[Finding]:
    there = again["\0there"].notna().to_numpy()
    gone = rows[~there[rows]]
    if len(gone):
        yield _finding(audit, None, what, len(gone), len(rows), "leave the feature frame")
    kept = rows[there[rows]]
    for name in features:
        differs = (
            _differs(audit.frame[name].iloc[kept], again[name].iloc[kept])
            if name in again.columns
            else np.ones(len(kept), dtype=bool)
        )
        if differs.any():
            yield _finding(audit, name, what, int(differs.sum()), len(rows), "change")


def _finding(audit: Audit, column: str | None, what: str, count: int, of: int, verb: str) -> Finding:
    subject = f"`{column}`" if column else "The choice of rows"
    labels = what == "labels"
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="features",
        column=column,
        source=audit.contract.prediction.target if labels else "test rows",
        rows=count,
        evidence=[Measurement(name=f"rows that {verb}", value=count, expected="0", unit=f"of {of:,}")],
        message=f"{subject} knows the {'outcomes' if labels else 'test'}: {count:,} of {of:,} "
        f"{'' if labels else 'training '}rows {verb} when only {what} are changed.",
        remedy="Compute it from the row alone, or move what is learnt over rows (scaling, imputing, selecting, encoding) "
        "into `fit`.",
        location=audit.location("features"),
    )


def _differs(before: pd.Series, after: pd.Series) -> Mask:
    missing = before.isna().to_numpy() != after.isna().to_numpy()
    both = (before.notna().to_numpy()) & (after.notna().to_numpy())
    if pd.api.types.is_numeric_dtype(before.dtype) and pd.api.types.is_numeric_dtype(after.dtype):
        a = before.to_numpy(dtype="float64", na_value=np.nan)
        b = after.to_numpy(dtype="float64", na_value=np.nan)
        spread = float(np.nanstd(a)) if both.any() else 0.0
        with np.errstate(invalid="ignore"):
            differs: Mask = missing | (both & ~np.isclose(a, b, rtol=RELATIVE, atol=RELATIVE * spread))
        return differs
    differs = missing | (both & (before.astype(object).to_numpy() != after.astype(object).to_numpy()))
    return differs


rule = Rule("leakage/fold-features", "features", "Features know the test rows or the labels (no time).", check)
