"""Findings: the JSON that other programs read."""

import json

import pytest
from pydantic import ValidationError

from workbench.findings import Finding, Measurement, Severity

DOCUMENTED = {
    "rule", "severity", "stage", "column", "source", "lookahead", "rows", "evidence", "message", "remedy", "fingerprint",
}  # fmt: skip


def finding(**changed: object) -> Finding:
    given: dict[str, object] = {
        "rule": "leakage/x",
        "severity": Severity.ERROR,
        "stage": "features",
        "message": "m",
        "remedy": "r",
    }
    return Finding.model_validate({**given, **changed})


def test_every_documented_field_is_there() -> None:
    assert set(json.loads(finding().model_dump_json())) >= DOCUMENTED


def test_the_fingerprint_says_what_and_where_but_not_how_much() -> None:
    evidence = [Measurement(name="mae", value=1.0, expected="2")]
    assert finding(rows=3, message="a").fingerprint == finding(rows=9, message="b", evidence=evidence).fingerprint
    assert finding(column="a").fingerprint != finding(column="b").fingerprint
    assert finding(source="t.a").fingerprint != finding(source="t.b").fingerprint


def test_unknown_fields_and_severities_are_refused() -> None:
    with pytest.raises(ValidationError):
        finding(colour="red")
    with pytest.raises(ValidationError):
        finding(severity="fatal")
