"""An audit report with every kind of evidence and hostile text, for the tests of all formats."""

from __future__ import annotations

from workbench.findings import Finding, Location, Measurement, MovedCell, Rows, Severity, Span, Text, Trace
from workbench.report.model import AuditReport, Cost, Fault, GateResult, RuleDoc

HOSTILE = "\x1b[2Jx\u202e<script>alert(1)</script>]]>&%\n::error::no {{ 7 * 7 }}"

SPAN = Span(
    fold=0, train_start="2024-01-01T00:00:00Z", train_end="2024-01-19T23:00:00Z", train_known="2024-01-20T01:00:00Z",
    test_start="2024-01-19T00:00:00Z", test_end="2024-01-30T23:00:00Z", needed_gap="26h", found_gap="1h",
)  # fmt: skip


TRACE = Trace(
    column="roll_3", entity={"store": "A"}, cutoff="2024-01-05T00:00:00+00:00", world="truncated",
    times=[f"2024-01-0{day}T00:00:00+00:00" for day in range(1, 9)],
    with_future=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, None, 8.0],
    without_future=[1.0, 2.0, 3.0, 9.0, None, None, None, None],
    state=["same", "same", "same", "moved", "moved", "open", "open", "open"], made=5,
)  # fmt: skip


def embargo(rows: int = 50) -> Finding:
    return Finding(
        rule="leakage/label-embargo", severity=Severity.ERROR, stage="split", column="units", rows=rows, lookahead="25h",
        evidence=[
            SPAN, SPAN.model_copy(update={"fold": 1}), Rows(count=rows, of=900, examples=[{"store": "A", "hour": "2024-01-19"}]),
        ],
        message="Labels are not known yet when the first prediction is made.", remedy="Leave an embargo of 26h.",
        location=Location(path="pipelines/shop/split.py", line=7),
    )  # fmt: skip


def hostile() -> Finding:
    return Finding(
        rule="leakage/future-feature", severity=Severity.WARNING, stage="features", column=HOSTILE, source=HOSTILE,
        evidence=[
            MovedCell(entity={HOSTILE: HOSTILE}, cutoff="2024-01-01T00:00:00Z", world="truncated", before=HOSTILE, after=HOSTILE),
            Measurement(name=HOSTILE, value=1.5, expected=HOSTILE), Text(text=HOSTILE),
            Rows(count=1, of=2, examples=[{HOSTILE: HOSTILE}]),
            TRACE.model_copy(update={"column": HOSTILE, "entity": {HOSTILE: HOSTILE}, "world": HOSTILE, "cutoff": HOSTILE}),
            TRACE.model_copy(update=dict.fromkeys(("with_future", "without_future", "times"), [HOSTILE] * 8)),
            TRACE.model_copy(update={"times": [HOSTILE] * 8}),
        ],
        message=HOSTILE, remedy=HOSTILE, location=Location(path="pipelines/shop/a b%.py"),
    )  # fmt: skip


def report(*findings: Finding) -> AuditReport:
    return AuditReport(
        use_case="shop",
        verdict="fail",
        findings=list(findings or (embargo(), hostile())),
        gates=[
            GateResult(
                name="features",
                status="pass",
                seconds=2.5,
                runs=6,
                probed=6,
                probed_what="cohorts",
                facts=["prediction.horizon = 24h"],
            ),
            GateResult(name="split", status="fail", seconds=0.4, probed=3, probed_what="fold", rules=["leakage/label-embargo"]),
            GateResult(name="fit", status="not exercised", reason=HOSTILE),
        ],
        cost=Cost(pipeline_seconds=2.0, audit_seconds=3.0, ratio=1.5),
    )


def unusable() -> AuditReport:
    return AuditReport(
        use_case="shop",
        verdict="error",
        gates=[GateResult(name="split", status="error", reason="Stage `load` failed: ValueError: no")],
        error=Fault(
            kind="pipeline", message="Stage `load` failed: ValueError: no", hint="mend pipelines/shop/data.py:3", detail=HOSTILE
        ),
    )


RULES = [
    RuleDoc("leakage/future-feature", "features", "Features know the future.", "**What it does.** Looks.\n\n    code <b>\n"),
    RuleDoc("leakage/label-embargo", "split", "Labels are late.", "**What it does.** Compares."),
]
