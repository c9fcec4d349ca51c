from __future__ import annotations

import json
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from tests.report.examples import RULES, SPAN, embargo, hostile, report, unusable
from workbench.report.github import MAX_ANNOTATIONS, github
from workbench.report.html import html
from workbench.report.junit import junit
from workbench.report.model import AuditReport, ranked
from workbench.report.sarif import sarif
from workbench.report.text import draw, text
from workbench.report.timeline import spelled, timeline

GATE_OF = {rule.id: rule.gate for rule in RULES}


def _safe(words: str) -> bool:
    return all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") for c in words)


def test_json_survives_a_round_trip_and_trusts_no_fingerprint() -> None:
    before = report()
    body = json.loads(before.model_dump_json())
    assert body["format"] == 1 and {"use_case", "verdict", "findings", "gates", "cost"} <= set(body)
    assert re.fullmatch("[0-9a-f]{16}", body["findings"][0]["fingerprint"])
    body["findings"][0]["fingerprint"] = "forged"
    assert AuditReport.model_validate(body) == before


def test_findings_are_ranked() -> None:
    assert [f.rows for f in ranked([hostile(), embargo(1), embargo(7)])] == [7, 1, None]


def test_text_fits_a_terminal_and_shows_states_as_words_and_glyphs() -> None:
    shown = text([report(), unusable()])
    assert _safe(shown)
    lines = shown.splitlines()
    assert all(len(line) <= 80 for line in lines if " " in line.strip() and "script" not in line)
    assert any(line.startswith("  ✗ split        fail") and line.endswith("3 folds") for line in lines)
    assert any(line.startswith("  – fit          not exercised") for line in lines)
    assert "✗ error  leakage/label-embargo  pipelines/shop/split.py:7" in lines
    assert "prediction.horizon = 24h" in shown and "1.5 × one plain run" in shown
    assert "! shop: ERROR" in shown and "→ mend pipelines/shop/data.py:3" in shown


def test_a_span_is_drawn_where_it_matters() -> None:
    picture = timeline(SPAN)
    assert picture is not None
    assert picture.test_start < picture.train_end < picture.train_known
    assert picture.train_goes_on and picture.test_goes_on
    lines = draw(SPAN)
    assert [line.split()[0] for line in lines[1:4]] == ["trained", "known", "predicts"]
    trained, predicts = lines[1], lines[3]
    assert trained.index("┥") > predicts.index("┝")
    assert any("1 d 1 h too late" in line or "25 h too late" in line for line in lines)
    assert "gap between the periods: 1h, needed: 26h" in lines[-1]
    assert all(len(line) <= 80 for line in lines)
    fine = SPAN.model_copy(update={"test_start": "2024-01-20T01:00:00Z"})
    assert not any("too late" in line for line in draw(fine))
    assert "26h" in draw(SPAN.model_copy(update={"train_end": "whenever"}))[0]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (90, "1 min 30 s"), (93600, "26 h"), (-3600, "−1 h"), (864000, "10 d")]
)
def test_durations_in_words(seconds: int, words: str) -> None:
    from datetime import timedelta

    assert spelled(timedelta(seconds=seconds)) == words


def test_sarif_is_valid() -> None:
    body = json.loads(sarif([report(), unusable()], RULES, "1.0.0"))
    jsonschema.validate(body, json.loads(Path(__file__).with_name("sarif-2.1.0-used.json").read_text("utf-8")))
    run = body["runs"][0]
    assert [r["level"] for r in run["results"]] == ["error", "warning"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert not uri.startswith("/") and ":" not in uri
        assert set(result["partialFingerprints"]) == {"workbench/v1"}
        assert _safe(result["message"]["text"])
    assert run["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "pipelines/shop/a%20b%25.py"
    assert run["invocations"][0]["executionSuccessful"] is False
    assert any("not exercised" in n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"])


def test_a_rule_without_a_page_still_has_an_entry() -> None:
    run = json.loads(sarif([report()], [], "1.0.0"))["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["leakage/future-feature", "leakage/label-embargo"]


def test_junit_counts_what_did_not_pass() -> None:
    root = ElementTree.fromstring(junit([report(), unusable()], GATE_OF))
    assert root.attrib | {"name": ""} == {"name": "", "tests": "4", "failures": "2", "errors": "1"}
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert cases["fit"].find("failure") is not None
    assert "1 finding" in root.findall(".//failure")[0].attrib["message"]
    warned = cases["features"].find("system-out")
    assert warned is not None and "leakage/future-feature" in str(warned.text)


def test_github_gives_the_ten_that_matter_and_counts_the_rest() -> None:
    many = report(*[embargo(n) for n in range(1, 30)])
    lines = github([many]).splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert len(commands) == MAX_ANNOTATIONS
    assert commands[1].startswith("::error file=pipelines/shop/split.py,line=7,title=shop%3A leakage/label-embargo::")
    assert "21 more" in commands[-1]
    assert lines[-1].startswith("✗ shop: fail")


def test_text_from_outside_can_neither_command_github_nor_break_lines() -> None:
    lines = github([report()]).splitlines()
    assert [line.split(" ")[0] for line in lines[:-1]] == ["::error", "::error", "::warning"]
    assert all(_safe(line) for line in lines)
    assert all("\x1b" not in line and "%25" in line for line in lines if "alert" in line)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]


def test_html_is_one_file_and_escapes_everything() -> None:
    page = html([report(), unusable()], RULES)
    seen = _Tags()
    seen.feed(page)
    assert "script" not in seen.tags and "link" not in seen.tags and "b" not in seen.tags and seen.links == []
    assert seen.tags.count("svg") == 4
    assert "\x1b" not in page and "\u202e" not in page
    assert "{{ 7 * 7 }}" in page and "<script>" not in page
    assert "1 d 1 h too late" in page or "25 h too late" in page
    assert "Labels are late." in page and "Stage `load` failed" in page
