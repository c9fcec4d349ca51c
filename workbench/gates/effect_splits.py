"""What a split leak is worth: the same folds without the offending training rows, the same test rows. No rule of its own.

Where taking them out would leave next to nothing to train on (a shuffled split of data with a time), only the last part of the
test rows is asked about, and the model is trained on what lies before it: fewer rows than before, which is part of the price.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from workbench.findings import Effect, Finding
from workbench.gates.effect_scores import Compared, effect_of, fits_apart
from workbench.gates.facts import Audit, Floats, Ints, Mask
from workbench.gates.rule import NotExercised
from workbench.gates.spans import usable
from workbench.pipeline.results import Fold, FoldRun

Offending = Callable[[Audit, Fold], Mask]
"""Which training rows of a fold (by their place in `fold.train`) give its test rows away."""

FEWEST_TRAIN = 30
LEAST_LEFT = 0.2
LAST_PART = 0.3
TRAINED_ROWS = 400_000
"""Training rows that a measurement may fit on, all folds together."""
FEW_FOLDS = 3
TOLERANCE = 0.002


def purged(audit: Audit, finding: Finding) -> Effect:
    """The effect of a finding of the split gate. Raises NotExercised where it can't be measured."""
    offending = _offending(audit, finding)
    parts: list[tuple[int, Fold, Ints]] = []
    gone = whole = 0
    shortened = False
    for index in affordable(audit):
        found = _without(audit, audit.folds[index], offending)
        if found is None:
            continue
        fold, places, taken = found
        parts.append((index, fold, places))
        shortened |= len(places) < len(audit.folds[index].test)
        gone, whole = gone + taken, whole + len(audit.folds[index].train)
    if not parts:
        raise NotExercised("without the offending training rows too few are left to train on")
    if not gone:
        raise NotExercised("no training row could be made out as offending")
    runs = refit(audit, [fold for _, fold, _ in parts])
    rows = []
    for (index, fold, places), run in zip(parts, runs, strict=True):
        claimed = np.asarray(audit.base.fold_runs[index].predictions)
        rows.append((np.asarray(fold.test, dtype="int64"), claimed[places], np.asarray(run.predictions)))
    how = f"fitted again without {gone:,} of {whole:,} training rows" + on_folds(audit, [index for index, *_ in parts])
    if shortened:
        how += ", the last part of the test rows only, on what lies before them"
    return effect_of(audit, Compared.of(rows), how, spread=fits_apart(audit, [index for index, *_ in parts]))


def affordable(audit: Audit) -> list[int]:
    """The folds that are fitted again: all, or a few of them spread over the order where all would take too long."""
    folds = usable(audit)
    if sum(len(audit.folds[i].train) for i in folds) <= TRAINED_ROWS or len(folds) <= FEW_FOLDS:
        return folds
    chosen = np.unique(np.linspace(0, len(folds) - 1, FEW_FOLDS).round().astype(int))
    return [folds[i] for i in chosen]


def on_folds(audit: Audit, folds: list[int]) -> str:
    """Says it where not all folds took part."""
    return "" if len(folds) == len(audit.folds) else f" on {len(folds)} of {len(audit.folds)} folds"


def refit(audit: Audit, folds: list[Fold], frame: pd.DataFrame | None = None) -> list[FoldRun]:
    """Fits and predicts the folds again in one run, on the audit's frame or another one of the same rows."""
    run = audit.pipeline.run(audit.tables, until="predict", frame=audit.frame if frame is None else frame, folds=folds)
    return run.fold_runs


def _without(audit: Audit, fold: Fold, offending: Offending) -> tuple[Fold, Ints, int] | None:
    """The fold without its offending rows, the places of its test rows in the old one, and how many rows were taken out."""
    bad = offending(audit, fold)
    left = fold.train[~bad]
    if _enough(left, fold):
        return Fold(left, fold.test), np.arange(len(fold.test)), int(bad.sum())
    places = _last_part(audit, fold)
    later = Fold(fold.train, fold.test[places])
    bad = offending(audit, later)
    left = fold.train[~bad]
    if not len(places) or not _enough(left, fold):
        return None
    return Fold(left, later.test), places, int(bad.sum())


def _enough(left: Ints, fold: Fold) -> bool:
    return len(left) >= max(FEWEST_TRAIN, LEAST_LEFT * len(fold.train))


def _last_part(audit: Audit, fold: Fold) -> Ints:
    """Places of the latest test rows; without a time, of as many taken at random."""
    if not audit.timed:
        count = max(1, int(LAST_PART * len(fold.test)))
        return np.sort(np.random.default_rng(7).permutation(len(fold.test))[:count])
    made = audit.times.prediction[fold.test]
    return np.flatnonzero(made >= np.quantile(made, 1 - LAST_PART, method="higher"))


# Which rows offend -------------------------------------------------------------------------------------------------------


def _offending(audit: Audit, finding: Finding) -> Offending:
    name = finding.rule.partition("/")[2]
    if name == "shared-group" and finding.column and finding.source != "missing":
        return _of_groups(str(finding.column))
    if name == "late-label" and finding.lookahead:
        return _later_than(int(pd.Timedelta(finding.lookahead).as_unit("ns").value))
    if name == "unknown-label" and finding.source == "training":
        return _unlabelled
    if name in _BY_RULE:
        return _BY_RULE[name]
    raise NotExercised("which training rows give the test away isn't known row by row")


def _out_of_order(audit: Audit, fold: Fold) -> Mask:
    first: Mask = audit.times.target[fold.train] >= audit.times.target[fold.test].min()
    return first


def _not_known(audit: Audit, fold: Fold) -> Mask:
    late: Mask = audit.times.known[fold.train] > audit.times.prediction[fold.test].min()
    return late | _out_of_order(audit, fold)


def _later_than(lookahead: int) -> Offending:
    def late(audit: Audit, fold: Fold) -> Mask:
        cut = int(audit.times.prediction[fold.test].min())
        found: Mask = audit.times.target[fold.train] >= cut - lookahead
        return found

    return late


def _same_key(audit: Audit, fold: Fold) -> Mask:
    numbers = audit.frame.groupby(audit.keys, sort=False, dropna=False, observed=True).ngroup().to_numpy()
    return np.isin(fold.train, fold.test) | np.isin(numbers[fold.train], numbers[fold.test])


def _of_groups(column: str) -> Offending:
    def shared(audit: Audit, fold: Fold) -> Mask:
        codes, _ = pd.factorize(audit.column(column))
        return np.isin(codes[fold.train], np.unique(codes[fold.test][codes[fold.test] >= 0]))

    return shared


def _unlabelled(audit: Audit, fold: Fold) -> Mask:
    empty: Mask = audit.column(audit.contract.prediction.target).isna().to_numpy()[fold.train]
    return empty


def _judged(audit: Audit) -> list[str]:
    names = [*audit.features, audit.contract.prediction.target]
    return [name for name in dict.fromkeys(names) if name in audit.frame.columns]


def _copies(audit: Audit, fold: Fold) -> Mask:
    columns = {name: _hashable(audit.frame[name]) for name in _judged(audit)}
    hashed = pd.util.hash_pandas_object(pd.DataFrame(columns), index=False).to_numpy()
    return np.isin(hashed[fold.train], hashed[fold.test]) | _same_key(audit, fold)


def _hashable(column: pd.Series) -> pd.Series:
    return column.astype(str) if column.dtype == object else column


def _near_copies(audit: Audit, fold: Fold) -> Mask:
    """Training rows within the tolerance of a test row in every number, and equal in everything else."""
    numbers: list[Floats] = []
    for position, name in enumerate(_judged(audit)):
        column = audit.frame[name]
        if pd.api.types.is_float_dtype(column.dtype):
            plain = column.to_numpy(dtype="float64", na_value=np.nan)
            spread = float(np.nanstd(plain))
            if spread > 0:
                # Missing equals missing, and lies far from everything else.
                numbers.append(np.where(np.isnan(plain), -1e6 - position, plain / spread))
                continue
        numbers.append(pd.factorize(column)[0].astype("float64"))
    points = np.column_stack(numbers)
    apart, _ = cKDTree(points[fold.test]).query(points[fold.train], p=np.inf, distance_upper_bound=TOLERANCE * (1 + 1e-9))
    return np.asarray(np.isfinite(apart) | _same_key(audit, fold))


_BY_RULE: dict[str, Offending] = {
    "time-order": _out_of_order,
    "label-embargo": _not_known,
    "overlap": _same_key,
    "duplicates": _copies,
    "near-duplicates": _near_copies,
}
MEASURED = frozenset([*_BY_RULE, "shared-group", "late-label", "unknown-label"])
"""Names of the rules whose findings are measured here."""
