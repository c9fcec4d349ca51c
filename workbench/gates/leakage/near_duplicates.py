"""Test rows that are training rows with a little noise.

**What it does.** As `leakage/duplicates`, but numbers may differ a little: by less than lies between unrelated rows. How much
that is follows from the rows themselves: copies lie near their originals and then there is nothing for a while, whereas
unrelated rows get more frequent the further one looks. Rows further than a tenth of a standard deviation from any training
row are a warning at most. Rows meet by hashes of their rounded numbers, never all with all; large
test parts are sampled evenly, and the evidence says how many rows were looked at.

**Why it is bad.** Augmented copies, rounded re-exports and re-computed features give the answer away like exact copies do, and
no comparison for equality sees them.

**Leaking**

    noisy = frame.sample(frac=0.2)
    noisy[numbers] *= 1 + 1e-4 * rng.standard_normal(noisy[numbers].shape)
    frame = pd.concat([frame, noisy])                  # and then split

**Repaired**

    def fit(train):
        train = augmented(train)                       # only what is trained on

**How it can be wrong.** Measurements taken so often that neighbours hardly differ are near duplicates by nature. Where rows a
little further apart are as frequent, or a row has many such neighbours, it takes them for that and stays silent.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit
from workbench.gates.leakage.nearness import near_twins
from workbench.gates.rule import Rule
from workbench.gates.sides import evidence, sides_of
from workbench.gates.spans import folds_words

SHARE = 0.001
"""Share of the test rows looked at from which near copies fail the gate; fewer are a warning."""
NOISE = 0.1
"""Standard deviations. What lies further from its training row is alike rather than a copy: a warning."""


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for all folds."""
    sides = sides_of(audit)
    audit.probed(sides.folds, "fold")
    copies = near_twins(audit)
    if not copies:
        return
    most = max(copies, key=lambda i: copies[i].hits.count)
    found, of, noise = copies[most].hits, copies[most].of, copies[most].noise
    sure = noise <= NOISE and found.count >= max(2, SHARE * of)
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR if sure else Severity.WARNING,
        stage="split",
        rows=sum(near.hits.count for near in copies.values()),
        evidence=[evidence(audit, found, of)],
        message=f"Test rows {'are' if noise <= NOISE else 'look like'} training rows with a little noise in "
        f"{folds_words(sorted(copies), sides.folds)}: in fold {most} "
        f"{found.count:,} of {of:,} test rows looked at differ from a training row by about {noise:.2g} "
        "standard deviations or less in every number and in nothing else.",
        remedy="Augment inside `fit` only, or keep all versions of a row on one side of the split.",
        location=audit.location("split"),
    )


rule = Rule("leakage/near-duplicates", "split", "Test rows are training rows with a little noise.", check)
