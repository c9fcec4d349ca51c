"""Something was chosen by its score on the test.

**What it does.** Follows scores to the place where they decide: `if score > best`, `max(scores)`, `argmax`, `min(errors,
key=…)`, a function handed to an optimiser, a model picked by an `if`. It reports a choice by the score on held-out rows
after which nothing is scored on other held-out rows.

**Why it is bad.** The best of many scores on one test is too good by the luck of the draw. What was chosen by needs
another test.

**Leaking**

    for k in range(1, 30):
        score = KNeighborsClassifier(k).fit(X_train, y_train).score(X_test, y_test)
        if score > best: best, best_k = score, k

**Repaired**

    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": range(1, 30)}).fit(X_train, y_train)
    search.score(X_test, y_test)

**How it can be wrong.** Scores that are printed side by side, after which a person chooses, show no choice. Rows that are
called validation, and folds, are there to choose by.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts, ordered
from workbench.lint.names import is_test
from workbench.lint.rows import covers
from workbench.lint.rule import Hit, LintRule
from workbench.lint.values import Prediction


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each choice that leaves no independent test."""
    yield from _searched(facts)
    seen: set[int] = set()
    for event in facts.trace.choices:
        for prediction in sorted(event.scores, key=lambda p: p.site.line):
            if event.site.line in seen or facts.for_choosing(prediction) or not prediction.rows:
                continue
            if not facts.held_out(prediction) or not (prediction.fits or _for_the_end(prediction)):
                continue
            if facts.independent_after(facts.trace.clock[id(event)], prediction.rows):
                continue
            seen.add(event.site.line)
            yield Hit(
                site=event.site,
                message=f"`{event.what}` chooses by the score on {_called(prediction)}; no independent test is left.",
                remedy="Choose by cross-validation or on a part of the training rows; score the test once, at the end.",
                evidence=f"scored at line {prediction.site.line}, chosen by at line {event.site.line}",
                others=(prediction.site,),
            )


def _called(prediction: Prediction) -> str:
    return prediction.name or "the test rows"


def _for_the_end(prediction: Prediction) -> bool:
    # Of a model that is trained in a loop nothing is known but what its rows are called, or which side of a split they are.
    return is_test(prediction.name) or any(p.side == "test" for atom in prediction.rows for p in atom.parts)


def _searched(facts: Facts) -> Iterable[Hit]:
    # Parameters come from a search over rows that the test rows are part of.
    divisions = {event.key for event in facts.trace.splits}
    for fit in facts.trace.fits:
        for mark in ordered(fit.tuned):
            for event in facts.predictions_of.get(fit.model, []):
                prediction = event.prediction
                inside = any(
                    covers(a, d) and not facts.nested(a) and any(p.key in divisions for p in d.parts - a.parts)
                    for a in mark.rows
                    for d in prediction.rows
                )
                if inside and facts.held_out(prediction):
                    yield Hit(
                        site=mark.site,
                        message=f"{mark.what} chooses parameters on rows that {fit.name} is tested on afterwards.",
                        remedy="Search on the training part only.",
                        evidence=f"searched at line {mark.site.line}, fitted at {fit.site.line}, asked at line {event.site.line}",
                        others=(fit.site,),
                    )


rule = LintRule("lint/test-tuning", "A model, parameter or threshold is chosen by its score on the test.", check)
