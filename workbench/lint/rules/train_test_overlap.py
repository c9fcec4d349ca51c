"""Test rows among the training rows.

**What it does.** Compares the rows that a model was fitted on with the rows it is then scored on: a fit on everything
before the split is used, test rows appended to the training table, pseudo-labels.

**Why it is bad.** The model has seen the answers.

**Leaking**

    X_train, X_test, y_train, y_test = train_test_split(X, y)
    model.fit(X, y)
    model.score(X_test, y_test)

**Repaired**

    model.fit(X_train, y_train)
    model.score(X_test, y_test)

**How it can be wrong.** A last fit on all rows after the scores were taken is right and not reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rows import Atom, covers, disjoint
from workbench.lint.rule import Hit, LintRule
from workbench.lint.values import Fit, Prediction


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each score on rows that are held-out rows and training rows at once."""
    for event in facts.trace.evaluations:
        for prediction in sorted(event.predictions, key=lambda p: p.site.line):
            for fit in prediction.fits:
                if fit.exact and prediction.exact and _shared(facts, fit, prediction):
                    yield Hit(
                        site=prediction.site,
                        message=f"The model is scored on rows it was fitted on: {prediction.name or 'test rows'} "
                        f"{'are' if prediction.name == '' else 'is'} part of the training rows.",
                        remedy="Fit on the training part only; keep test rows, and labels made for them, out of it.",
                        evidence=f"fitted at line {fit.site.line} ({fit.name or 'rows'}), scored at line {event.site.line}",
                        others=(fit.site, event.site),
                    )


def _shared(facts: Facts, fit: Fit, prediction: Prediction) -> bool:
    for d in prediction.rows:
        for f in fit.rows:
            if covers(f, d) and any(_held_out(facts, atom_part, d) for atom_part in d.parts - f.parts):
                return True
            # Some of the training rows are test rows, others are not: appended.
            if covers(d, f) and any(disjoint(d, other) for other in fit.rows):
                return True
    return False


def _held_out(facts: Facts, part: object, atom: Atom) -> bool:
    from workbench.lint.rows import Part

    assert isinstance(part, Part)
    known = {event.key for event in facts.trace.splits}
    return part.key in known and part.side != "train"


rule = LintRule("lint/train-test-overlap", "Test rows are among the training rows.", check)
