"""A test that has been looked at too often.

**What it does.** Counts the different evaluations (another code, or other tables) whose scores on these test rows somebody has
seen: the loop's builds and the audits of people in this workspace, by the ledger in its state directory and by its recorded
sessions. The same code on the same tables is no further look. Rows that are mostly the same count as the same test. More looks
than `budgets.test_touches` is an error; near the end of the budget it is a warning, with what the best of so many tries gains by
luck alone: at most the score's standard error times √(2 ln n).

**Why it is bad.** Who tries twenty variants and keeps the one with the best test score has chosen on the test. Each look was
honest; the best of them isn't. The score of the release will be worse, by more the more was tried.

**Leaking**

    for leaves in range(2, 60): edit(model, num_leaves=leaves); workbench audit        # and keep the best

**Repaired**

    def fit(train):                                    # choose on a part of the training rows, look at the test once
        inner, valid = train[train.hour < cut], train[train.hour >= cut]

**How it can be wrong.** It counts what this workspace has a record of. Where nobody counts (a fresh clone without state and
without recorded sessions, as in CI), the rule has no subject: it isn't among the rules that ran, the gate's pass doesn't rest on
it, and it is *not* a pass of this rule. A ledger that is damaged, or a recorded session that can't be read, is never an empty
one: then the rule is not exercised, and the gate doesn't pass. The bound takes all tries for independent, so the true gain of
choosing is smaller where they resemble each other.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.errors import Corrupt
from workbench.findings import Effect, Finding, Measurement, Severity
from workbench.gates.effect_scores import standard_error
from workbench.gates.facts import Audit
from workbench.gates.metric.scores import metrics_of, primary_score
from workbench.gates.rule import NotApplicable, NotExercised, Rule
from workbench.pipeline.heldout import held_out
from workbench.sessions.touches import Looks

NEAR = 0.8
"""Share of the budget from which on it is said."""


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding where the budget is spent or nearly so."""
    metrics_of(audit.contract)
    if audit.looks is None:
        raise NotApplicable("nobody counts looks at the test here")
    tests = [np.asarray(run.fold.test, dtype="int64") for run in audit.base.fold_runs]
    try:
        looks = audit.looks(held_out(audit.contract, audit.tables, audit.frame, tests), audit.pipeline.code_digest)
    except Corrupt as error:
        raise NotExercised(f"the looks at the test can't be counted: {error.message}") from None
    if looks is None:
        raise NotApplicable("nobody has counted looks at the test here")
    if looks.budget is None:
        raise NotApplicable("the contract declares no `budgets.test_touches`")
    if audit.contract.budgets is not None:
        audit.rest_on("budgets.test_touches")
    audit.probed(looks.count, "look")
    if looks.count <= looks.budget and looks.count < max(2, int(np.ceil(NEAR * looks.budget))):
        return
    yield _finding(audit, looks, looks.budget)


def _finding(audit: Audit, looks: Looks, budget: int) -> Finding:
    effect = optimism(audit, looks.count)
    over = looks.count > budget
    whose = "in this session" if looks.over == "session" else "over the life of these test rows"
    gained = (
        f" The best of {looks.count} is expected to look up to {effect.gain:.3g} better than it is by luck alone."
        if effect.gain is not None
        else ""
    )
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR if over else Severity.WARNING,
        stage="metrics",
        column=primary_score(audit).name,
        source="budgets.test_touches",
        evidence=[Measurement(name="looks at the test", value=looks.count, expected=f"at most {budget}")],
        message=f"The test has been looked at {looks.count} times {whose}; the budget is {budget}"
        + (", which is exceeded." if over else ".")
        + gained,
        remedy="Choose between variants on a part of the training rows and look at the test once, at the end; test on rows that "
        "nobody has seen (a later period); or let people raise `budgets.test_touches`, a reviewed change.",
        effect=effect,
    )


def optimism(audit: Audit, count: int) -> Effect:
    """What the best of `count` tries gains by luck, at most: the score's standard error times the square root of 2 ln count."""
    score = primary_score(audit)
    try:
        value, error = standard_error(audit)
    except NotExercised as stop:
        return Effect(not_measured=stop.reason)
    bound = error * float(np.sqrt(2 * np.log(max(count, 1))))
    return Effect(
        metric=score.name, claimed=value, honest=value + bound if score.direction == "minimize" else value - bound,
        gain=bound, low=0.0, high=bound,
        how=f"an upper bound, nothing was run: the score's standard error of {error:.3g} over blocks of test rows, times "
        f"√(2 ln {count}) for the best of {count} tries, taken for independent.",
    )  # fmt: skip


rule = Rule("metric/test-reuse", "metric", "The test has been looked at more often than its budget allows.", check)
