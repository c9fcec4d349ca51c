"""Waivers: what they cover, when they end, how a wrong file is refused, and that a person has to sign each change of them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import jsonschema
import pytest

from tests.changesets import kinds, workspace
from tests.gates.subjects import NO_GAP
from tests.report.examples import RULES, embargo, report
from tests.workspaces import make_workspace
from workbench.errors import ContractError
from workbench.findings import Finding, Severity
from workbench.gates.audit import audit
from workbench.gates.waivers import MAX_DAYS, Waivers, read_waivers
from workbench.policy.rules import FLOOR
from workbench.report.github import github
from workbench.report.html import html
from workbench.report.junit import junit
from workbench.report.model import AuditReport, GateResult, WaiverResult
from workbench.report.sarif import sarif
from workbench.report.text import text
from workbench.review.gates import GateEvidence
from workbench.settings import Settings

TODAY = date(2026, 6, 1)
SOON = date(2026, 7, 1)
REASON = "the label comes earlier from July on"


def waiver(rule: str = "leakage/label-embargo", expires: date | str = SOON, reason: str = REASON, **subject: object) -> str:
    subject = subject or {"column": "units"}
    lines = [f"{key} = {str(value).lower() if isinstance(value, bool) else json.dumps(value)}" for key, value in subject.items()]
    return "\n".join(["[[waiver]]", f'rule = "{rule}"', f'reason = "{reason}"', f"expires = {expires}", *lines, ""])


def written(directory: Path, words: str) -> Waivers:
    path = directory / "pipelines" / "shop" / "waivers.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words, "utf-8")
    return read_waivers(directory, "shop", TODAY)


def finding(**facts: object) -> Finding:
    given = {
        "rule": "leakage/label-embargo",
        "severity": "error",
        "stage": "split",
        "column": "units",
        "message": "m",
        "remedy": "r",
    }
    return Finding.model_validate(given | facts)


def test_a_waiver_marks_its_finding_and_no_other(tmp_path: Path) -> None:
    found = [finding(), finding(column="price"), finding(rule="leakage/overlap")]
    marked = written(tmp_path, waiver()).marked(found)
    assert [bool(one.waived) for one in marked] == [True, False, False]
    assert marked[0].severity is Severity.ERROR and marked[0].fingerprint == found[0].fingerprint
    assert marked[0].waived == f"{REASON} (until 2026-07-01)"
    marked = written(tmp_path, waiver(fingerprint=found[1].fingerprint, accepted_by="ana@shop.example")).marked(found)
    assert [bool(one.waived) for one in marked] == [False, True, False] and "ana@shop.example" in str(marked[1].waived)


@pytest.mark.parametrize(
    ("words", "state", "covers"),
    [
        (waiver(expires=TODAY), "used", True),
        (waiver(expires=TODAY - timedelta(days=1)), "expired", False),
        (waiver(expires=TODAY + timedelta(days=MAX_DAYS)), "used", True),
        (waiver(expires=TODAY + timedelta(days=MAX_DAYS + 1)), "too long", False),
        (waiver(column="price"), "unused", False),
        (waiver(rule="leakage/no-such-rule"), "unknown rule", False),
    ],
)
def test_what_becomes_of_a_waiver_is_said(tmp_path: Path, words: str, state: str, covers: bool) -> None:
    waivers = written(tmp_path, words)
    (marked,) = waivers.marked([finding()])
    assert bool(marked.waived) is covers
    (said,) = waivers.results({"leakage/label-embargo"}, {"leakage/label-embargo"})
    assert said.state == state and said.line == 1 and said.says


def test_a_waiver_of_a_rule_that_was_not_asked_is_neither_used_nor_unused(tmp_path: Path) -> None:
    assert written(tmp_path, waiver()).results(set(), {"leakage/label-embargo"}) == []


@pytest.mark.parametrize(
    ("words", "line", "said"),
    [
        (waiver() + waiver(reason=""), 8, "`reason` says too little"),
        (waiver().replace(f'reason = "{REASON}"\n', ""), 1, "needs `reason`"),
        (waiver() + "\n" + waiver().replace(f"expires = {SOON}", 'expires = "2026-07-01"'), 10, "`expires`"),
        (waiver().replace('column = "units"', ""), 1, "exactly one of"),
        (waiver(column="units", not_exercised=True), 1, "exactly one of"),
        (waiver(severity="note", column="x"), 5, "`severity` is not a key"),
        (waiver(fingerprint="abc"), 5, "`fingerprint`"),
        ("[waiver]\nrule = 1\n", 1, "not a [[waiver]]"),
        (waiver() + "[[waivers]]\nrule = 1\n", 6, "not a [[waiver]]"),
        ("[[waiver]]\nrule = \n", 2, "not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, words: str, line: int, said: str) -> None:
    with pytest.raises(ContractError) as refused:
        written(tmp_path, words)
    assert refused.value.message.startswith(f"pipelines/shop/waivers.toml:{line}: ") and said in refused.value.message
    assert refused.value.hint


def test_a_link_is_no_part_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text(waiver(), "utf-8")
    (tmp_path / "pipelines" / "shop").mkdir(parents=True)
    (tmp_path / "pipelines" / "shop" / "waivers.toml").symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(ContractError, match="is a link"):
        read_waivers(tmp_path, "shop", TODAY)


def test_a_waived_finding_stays_and_does_not_fail_its_gate_until_its_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_workspace(tmp_path / "audited", split=NO_GAP)
    # What the caller's own directory accepts means nothing to the audited tree.
    caller = make_workspace(tmp_path / "caller", split=NO_GAP)
    written(caller, waiver(column="units"))
    monkeypatch.chdir(caller)
    settings = Settings(root=caller)

    def audited(today: date) -> AuditReport:
        return audit(settings, "shop", root=root, gates=["split"], today=today, quick=True)

    plain = audited(TODAY)
    assert plain.verdict == "fail" and plain.waivers == []
    (failing,) = plain.errors
    assert (failing.rule, failing.column) == ("leakage/label-embargo", "units"), "what the caller's waiver would cover"
    written(root, waiver(fingerprint=failing.fingerprint))
    waived = audited(TODAY)
    assert waived.verdict == "pass" and waived.errors == []
    (kept,) = [one for one in waived.findings if one.rule == failing.rule]
    assert kept.severity == "error" and kept.waived and kept.fingerprint == failing.fingerprint
    assert [one.state for one in waived.waivers] == ["used"] and "1 error is waived" in waived.gates[0].reason
    late = audited(SOON + timedelta(days=1))
    assert late.verdict == "fail" and late.errors and [one.state for one in late.waivers] == ["expired"]
    (root / "pipelines" / "shop" / "waivers.toml").write_text("[[waiver]]\n", "utf-8")
    broken = audited(TODAY)
    assert broken.verdict == "error" and broken.error is not None and "waivers.toml:1" in broken.error.message


def test_not_exercised_is_no_pass_and_stands_aside_only_where_every_reason_is_waived(tmp_path: Path) -> None:
    waivers = written(tmp_path, waiver(rule="leakage/overlap", not_exercised=True))
    assert waivers.unlooked("leakage/overlap") and not waivers.unlooked("leakage/duplicates")
    assert [one.state for one in waivers.results({"leakage/overlap"}, {"leakage/overlap"})] == ["used"]
    gate = GateResult(name="split", status="not exercised", reason="one fold", waived="for now (until 2026-07-01)")
    assert gate.stands and not GateResult(name="split", status="not exercised").stands
    body = json.dumps({"tree": "t", "gates": [gate.model_dump()], "findings": []}).encode()
    evidence = GateEvidence.from_report(body)
    assert evidence is not None and evidence.passed == {"split": True}


def test_every_report_marks_what_is_waived_and_says_what_covers_nothing() -> None:
    kept = embargo().model_copy(update={"waived": f"{REASON} (until 2026-07-01)"})
    unused = WaiverResult(rule="x/y", state="unused", says="The waiver of `x/y` covers nothing.", path="w.toml", line=4)
    made = report(kept).model_copy(update={"waivers": [unused]})
    shown = text([made])
    assert f"waived: {REASON}" in shown and "covers nothing. (w.toml:4)" in shown and "1 waived" in shown
    body = json.loads(sarif([made], RULES, "1.0.0"))
    schema = Path(__file__).parents[1] / "report" / "sarif-2.1.0-used.json"
    jsonschema.validate(body, json.loads(schema.read_text("utf-8")))
    (suppression,) = body["runs"][0]["results"][0]["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted") and REASON in suppression["justification"]
    assert body["runs"][0]["results"][0]["level"] == "error"
    assert any(
        "covers nothing" in note["message"]["text"] for note in body["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    )
    lines = github([made]).splitlines()
    assert any(line.startswith("::notice") and "(waived)" in line for line in lines)
    assert any(line.startswith("::warning file=w.toml,line=4") for line in lines)
    assert REASON in junit([made], {rule.id: rule.gate for rule in RULES}) and "covers nothing" in html([made], RULES)
    assert REASON in html([made], RULES)


@pytest.mark.parametrize("before", [None, waiver()])
def test_a_change_of_waivers_is_the_checks_own_and_never_automatic(tmp_path: Path, before: str | None) -> None:
    path = "pipelines/sales/waivers.toml"
    with workspace(tmp_path, {} if before is None else {path: before}) as repo:
        assert kinds(repo, {path: waiver(column="revenue")}) == {"gate"} <= {kind.value for kind in FLOOR}
        if before is not None:
            assert kinds(repo, {path: None}) == {"gate"}
