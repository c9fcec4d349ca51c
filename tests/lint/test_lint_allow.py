"""Comments that allow a finding: with a reason, at the statement, for this rule alone."""

from __future__ import annotations

import pytest

from workbench.lint.check import lint_text

CODE = """import pandas as pd
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from sklearn.linear_model import Ridge
df = pd.read_csv("t.csv")
{above}
X = StandardScaler().fit_transform(
    df[["a"]],
){here}
a, b, c, d = train_test_split(X, df["y"])
print(Ridge().fit(a, c).score(b, d))
"""
REASON = "because the scaler's effect was measured"


@pytest.mark.parametrize(
    ("above", "here"),
    [
        (f"# workbench: allow lint/fit-before-split {REASON}", ""),
        ("", f"  # workbench: allow lint/fit-before-split {REASON}"),
        ("", f"  # Workbench: allow fit-before-split {REASON}"),
    ],
)
def test_allowed_with_a_reason(above: str, here: str) -> None:
    report = lint_text(CODE.format(above=above, here=here))
    assert report.findings == []
    assert [(a.finding.rule, "because " + a.reason) for a in report.allowed] == [("lint/fit-before-split", REASON)]


@pytest.mark.parametrize(
    "here",
    [
        "  # workbench: allow lint/fit-before-split",
        f"  # workbench: allow lint/future-shift {REASON}",
        f"  # workbench: allow all {REASON}",
        f'; text = "# workbench: allow lint/fit-before-split {REASON}"',
        "  # noqa",
    ],
)
def test_not_allowed(here: str) -> None:
    report = lint_text(CODE.format(above="", here=here))
    assert [f.rule for f in report.findings] == ["lint/fit-before-split"] and report.allowed == []


def test_a_comment_without_a_reason_is_pointed_out() -> None:
    (finding,) = lint_text(CODE.format(above="", here="  # workbench: allow lint/fit-before-split")).findings
    assert any("gives no reason" in e.text for e in finding.evidence)  # type: ignore[union-attr]
