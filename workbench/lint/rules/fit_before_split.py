"""A transformer fitted on training and test rows together.

**What it does.** Follows each scaler, imputer, PCA, vectorizer … from the rows it is fitted on to the model that is
trained on what it gives back, through functions, classes, attributes and notebook cells. It reports a fit whose rows
cover both the training rows and rows that the same model is held out from (a split, folds, or a cut by position or
condition).

**Why it is bad.** The held-out rows have shaped the features that the model was trained on; the score is not that of new
rows. For a scaler the effect is often small, for PCA, imputation or text it need not be.

**Leaking**

    X = StandardScaler().fit_transform(X)
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    model.fit(X_train, y_train)

**Repaired**

    X_train, X_test, y_train, y_test = train_test_split(X, y)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)

**How it can be wrong.** A transformer of a library that it doesn't know is followed by its methods' names only.
Vocabularies (LabelEncoder, OneHotEncoder) and stateless steps (Normalizer) are not reported. A fit that lies within the
training part of an outer split is not reported either, also where inner folds see it: the last word is spoken on other
rows.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such place."""
    for reach in facts.statistics:
        if reach.mark.kind == "fit":
            yield hit(
                reach,
                f"{spoken(reach.mark)} is fitted on rows that are held out later.",
                "Fit it on the training rows only, or put it into a Pipeline together with the model.",
            )


rule = LintRule("lint/fit-before-split", "A transformer is fitted before the split.", check)
