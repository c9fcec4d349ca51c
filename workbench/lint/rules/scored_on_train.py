"""The only score is on the rows that were trained on.

**What it does.** Reports a model that was fitted with labels and scored on exactly those rows, where nothing in the file
is ever scored on held-out rows and nothing is cross-validated.

**Why it is bad.** There is no test: a tree gets 100 %.

**Leaking**

    tree.fit(X, y)
    accuracy_score(y, tree.predict(X))

**Repaired**

    X_train, X_test, y_train, y_test = train_test_split(X, y)
    tree.fit(X_train, y_train)
    accuracy_score(y_test, tree.predict(X_test))

**How it can be wrong.** A training score beside a test score is good practice and not reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.names import is_test
from workbench.lint.rows import covers
from workbench.lint.rule import Hit, LintRule
from workbench.lint.values import Prediction


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such model."""
    tested = any(facts.held_out(event.prediction) and event.prediction.fits for event in facts.trace.predictions)
    if tested or facts.trace.cross_validations:
        return
    for event in facts.trace.evaluations:
        if facts.trace.clock[id(event)] >= (facts.trace.roots_from or 0) and facts.trace.roots_from is not None:
            continue  # whoever calls this function may well hold rows out
        for prediction in sorted(event.predictions, key=lambda p: p.site.line):
            if _in_sample(prediction) and not _held_out_part(facts, prediction):
                yield Hit(
                    site=event.site,
                    message="The only score is on the rows that the model was fitted on.",
                    remedy="Hold rows out (train_test_split, cross_val_score, for a series TimeSeriesSplit) and score these.",
                    evidence=f"fitted at line {prediction.fits[-1].site.line}, scored at line {event.site.line}: {event.what}",
                    others=(prediction.site,),
                )
                break


def _held_out_part(facts: Facts, prediction: Prediction) -> bool:
    # Rows of a split's other side that were trained on all the same: lint/train-test-overlap says so.
    known = {event.key for event in facts.trace.splits}
    return any(part.key in known and part.side != "train" for atom in prediction.rows for part in atom.parts)


def _in_sample(prediction: Prediction) -> bool:
    if not prediction.fits or not prediction.exact or not prediction.rows or is_test(prediction.name):
        return False
    fit = prediction.fits[-1]
    return (
        fit.exact
        and fit.supervised
        and all(any(covers(f, d) for f in fit.rows) for d in prediction.rows)
        and all(any(covers(d, f) or covers(f, d) for d in prediction.rows) for f in fit.rows)
    )


rule = LintRule("lint/scored-on-train", "The only score is on training rows.", check)
