"""Training stopped by looking at the test.

**What it does.** Reports rows given to `fit` for early stopping or for keeping the best state (`eval_set`,
`validation_data`, `valid_sets`, `evals`) that the model is then scored on.

**Why it is bad.** The number of rounds was chosen by the test's labels: the score is the best of all rounds on this very
test.

**Leaking**

    model = XGBClassifier(early_stopping_rounds=50).fit(X_train, y_train, eval_set=[(X_test, y_test)])
    roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])

**Repaired**

    X_fit, X_stop, y_fit, y_stop = train_test_split(X_train, y_train)
    model = XGBClassifier(early_stopping_rounds=50).fit(X_fit, y_fit, eval_set=[(X_stop, y_stop)])

**How it can be wrong.** Rows that are only watched while training (no early stopping, no checkpoint) choose nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.names import is_test, is_validation
from workbench.lint.rows import overlap
from workbench.lint.rule import Hit, LintRule


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each stop that leaves no independent test."""
    for event in facts.trace.stops:
        if is_validation(event.name) or not event.exact:
            continue
        scored = any(
            overlap(a, b) for e in facts.trace.predictions for a in e.prediction.rows for b in event.rows if e.prediction.exact
        )
        if not scored and not is_test(event.name):
            continue
        if facts.independent_after(facts.trace.clock[id(event)], event.rows):
            continue
        yield Hit(
            site=event.site,
            message=f"Training is stopped by looking at {event.name or 'the test rows'}, which is also what is scored.",
            remedy="Carve a part for early stopping out of the training rows; leave the test to the end.",
            evidence=event.what,
        )


rule = LintRule("lint/early-stopping-on-test", "Early stopping looks at the test.", check)
