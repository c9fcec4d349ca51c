"""More missing values than declared.

**What it does.** Compares the share of missing values with each column's `max_null_rate`. Where there is a `reference.json`, it
also warns of columns whose share has more than doubled and grown by more than five points since.

**Why it is bad.** A join that stopped matching, a field that a form no longer sends or a parser that gives up shows as missing
values first. Imputation hides it from everything downstream.

**Failing** (`dep_delay = { max_null_rate = 0.05 }`)

    12 % missing

**Passing**

    2.4 % missing

**How it can be wrong.** The newest rows of a column that is filled in later are rightly missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit
from workbench.gates.rule import NotApplicable, Rule
from workbench.gates.schema.declared import broken, declared, known_sources, place, reference


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one error per declared column and one warning per drifted one."""
    subjects = 0
    try:
        for column in declared(audit, "max_null_rate"):
            subjects += 1
            missing, allowed = column.values.isna().to_numpy(), column.facts.max_null_rate or 0.0
            if len(missing) and missing.mean() > allowed:
                yield broken(
                    audit, rule.id, column, missing,
                    f"{_percent(float(missing.mean()))} of `{column.label}` are missing, "
                    f"{_percent(allowed)} are declared at most.",
                    "Find out what no longer arrives or no longer matches; raise `max_null_rate` only if it is to stay so.",
                )  # fmt: skip
    except NotApplicable:
        pass
    try:
        for source, frame in known_sources(audit):
            for name, before in reference(audit).tables[source].columns.items():
                subjects += 1
                now = float(frame[name].isna().mean()) if name in frame.columns and len(frame) else 0.0
                if now > 2 * before.null_rate and now - before.null_rate > 0.05:
                    yield Finding(
                        rule=rule.id, severity=Severity.WARNING, stage="load", column=name, source=f"{source}.{name} (reference)",
                        rows=int(frame[name].isna().sum()),
                        evidence=[Measurement(name="share missing", value=now, expected=f"{before.null_rate:.4g} as before")],
                        message=f"{_percent(now)} of `{source}.{name}` are missing, {_percent(before.null_rate)} "
                        "when the reference was "
                        "taken.",
                        remedy="Find out what no longer arrives; take a new reference if it is to stay so.",
                        location=place(audit, source, name),
                    )  # fmt: skip
    except NotApplicable:
        pass
    if not subjects:
        raise NotApplicable("neither a max_null_rate nor a reference is there")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


rule = Rule("schema/null-rate", "schema", "More values are missing than declared.", check)
