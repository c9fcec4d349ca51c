"""Traces drawn: the two curves in the terminal and in HTML, what can't be drawn as a table, and what may not be stored at all."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.report.examples import TRACE, report
from workbench.findings import Finding, MovedCell, Severity, Trace
from workbench.report.curve import curve, farthest, trace_words
from workbench.report.curve_svg import plot
from workbench.report.html import html
from workbench.report.model import AuditReport
from workbench.report.plot import HEIGHT, plotted
from workbench.report.sarif import sarif
from workbench.report.text import PICTURES, text

CELL = MovedCell(
    entity={"store": "A"}, target_time="2024-01-06T00:00:00+00:00", cutoff=TRACE.cutoff, world="truncated", before="4", after="9",
    cohorts=2, probed=65,
)  # fmt: skip


def finding(*traces: Trace, column: str = "roll_3", severity: Severity = Severity.ERROR) -> Finding:
    return Finding(
        rule="leakage/future-feature", severity=severity, stage="features", column=column, evidence=[CELL, *traces],
        message="It reads ahead.", remedy="Lag it.",
    )  # fmt: skip


def changed(**facts: object) -> Trace:
    return Trace.model_validate(TRACE.model_dump() | facts)


def chart(lines: list[str]) -> list[str]:
    """The lines right of the axis, without it."""
    return [re.split("[┤│]", line, maxsplit=1)[1][1:] for line in lines if "┤" in line or "│" in line]


def test_the_chart_shows_both_futures_the_cutoff_and_what_is_missing() -> None:
    lines = plotted(TRACE, 80)
    assert lines[0].strip() == "roll_3 around the cutoff, store=A (one step per prediction, UTC):"
    drawing = chart(lines)
    assert len(drawing) == HEIGHT + 1 and lines[HEIGHT + 1].strip().startswith("missing ┤")
    columns = ["".join(line.ljust(80)[place] for line in drawing) for place in range(0, 16, 2)]
    # Every step says what became of its row; a value that is missing stands in the lowest line.
    assert [set(column.replace(" ", "")) for column in columns] == [
        {"="},
        {"="},
        {"="},
        set("○●"),
        set("○●"),
        {"·"},
        {"·"},
        {"·"},
    ]
    assert columns[3].index("○") < columns[3].index("●") < columns[2].index("=") and columns[3].index("○") == 0
    assert columns[4].index("○") == HEIGHT and columns[6].index("·") == HEIGHT
    assert all(line.ljust(80)[9] == "┊" for line in drawing), "the cutoff lies between the fifth and the sixth row"
    below = next(line for line in lines if "cutoff 2024-01-05" in line)
    axis = next(line for line in lines if "┴" in line)
    assert abs(axis.index("┴") - (below.index("cutoff") + len("cutoff 2024-01-05 00:00") // 2)) <= 1
    legend = "\n".join(lines[-3:])
    assert "● as the pipeline computed it" in legend and "○ with the future taken away" in legend
    assert "= the same in both" in legend and "· not compared" in legend and "◐" not in legend


def test_values_far_away_are_told_but_dont_flatten_the_curve() -> None:
    far = changed(without_future=[1.0, 2.0, 3.0, 900.0, -70.0, None, None, None])
    picture = curve(far)
    assert picture is not None and picture.high < 20 and farthest(far, picture) == "down to -70 and up to 900"
    lines = plotted(far, 80)
    drawing = chart(lines)
    assert drawing[0].ljust(9)[6] == "▲" and drawing[HEIGHT - 1].ljust(9)[8] == "▼"
    assert "▼▲ with the future taken away, beyond the scale: down to -70 and up to 900" in lines[-1]
    drawn = plot(far)
    assert drawn is not None and [box.beyond for box in drawn.boxes] == [1, -1] and "up to 900" in drawn.notes


def test_values_that_are_hardly_apart_are_said_to_be_that() -> None:
    near = changed(without_future=[1.0, 2.0, 3.0, 4.001, 5.001, None, None, None])
    assert "◐ both, hardly apart" in "\n".join(plotted(near, 80))


@pytest.mark.parametrize(
    "facts",
    [
        {"with_future": ["a"] * 8, "without_future": ["a", "a", "a", "b", None, None, None, None]},
        {"with_future": ["True"] * 8, "without_future": ["True"] * 3 + ["False", "False", None, None, None]},
    ],
)
def test_what_isnt_a_number_is_a_table(facts: dict[str, object]) -> None:
    lines = plotted(changed(**facts), 80)
    before, after = str(facts["with_future"][3]), str(facts["without_future"][3])  # type: ignore[index]
    assert lines[-2].strip() == f"2024-01-04 00:00  {before} → {after}" and lines[-1].strip().startswith("2024-01-05")
    page = html([report(finding(changed(**facts)))], [])
    assert f"<td>2024-01-04 00:00</td><td>{before}</td><td>{after}</td>" in page and "<svg" not in page


def test_a_curve_that_two_findings_show_is_drawn_once_and_not_too_many_are() -> None:
    twice = text([report(finding(TRACE), finding(TRACE, column="other"))])
    assert twice.count("● as the pipeline computed it") == 1 and "(drawn above: roll_3 around the cutoff)" in twice
    many = " ".join(text([report(*(finding(changed(column=f"x{n}"), column=f"x{n}") for n in range(PICTURES + 3)))]).split())
    assert many.count("● as the pipeline computed it") == PICTURES
    assert many.count("2 of the 5 rows shown that were predicted by then") == 3
    assert "●" not in text([report(finding(TRACE, severity=Severity.NOTE))])


def test_a_moved_cell_says_where_it_was_confirmed() -> None:
    shown = text([report(finding(TRACE))])
    assert "4 became 9 in the world truncated, cut at 2024-01-05 00:00" in shown.replace("\n   ", "")
    assert "moved at 2 cutoffs (65 probed)" in shown.replace("\n   ", "")


def test_the_picture_in_html_has_a_title_a_description_a_legend_and_two_kinds_of_marks() -> None:
    page = html([report(finding(TRACE), finding(changed(column="other"), column="other"))], [])
    pictures = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.S)]
    assert len(pictures) == 2
    names = [element.attrib["id"] for svg in pictures for element in svg.iter() if "id" in element.attrib]
    assert len(names) == len(set(names)) == 4
    for svg in pictures:
        assert svg.attrib["role"] == "img" and svg.attrib["aria-labelledby"].split() == [svg[0].attrib["id"], svg[1].attrib["id"]]
        assert (svg[0].tag, svg[1].tag) == ("title", "desc") and "2 of the 5 rows" in str(svg[1].text)
        words = [element.text for element in svg.iter("text")]
        assert {"cutoff 2024-01-05 00:00", "as the pipeline computed it", "with the future taken away", "missing"} <= set(words)
        # Eight rows and the legend's: discs; the two that moved and the legend's: boxes. Colours are the page's, by class.
        assert len(list(svg.iter("circle"))) == 9 and sum(r.attrib["class"] == "box" for r in svg.iter("rect")) == 3
        assert not any("fill" in element.attrib or "stroke" in element.attrib for element in svg.iter())
        assert all(float(circle.attrib["cx"]) <= 640 for circle in svg.iter("circle"))
    assert "stroke-dasharray" in page and "prefers-color-scheme: dark" in page


def test_rows_of_several_entities_are_not_joined_by_a_line() -> None:
    drawn = plot(changed(series=False, entity={}))
    assert drawn is not None and drawn.computed == [] and len(drawn.dots) == 8 and "No entity has enough rows" in drawn.notes
    assert "rows of several entities" in plotted(changed(series=False, entity={}), 80)[0]


def test_a_report_with_curves_is_read_back_as_it_was_and_other_formats_say_it_in_words() -> None:
    whole = report(finding(TRACE))
    written = whole.model_dump_json()
    assert AuditReport.model_validate_json(written).model_dump_json() == written
    assert finding(TRACE).fingerprint == finding().fingerprint
    assert trace_words(TRACE) in sarif([whole], [], "1.0.0")


@pytest.mark.parametrize(
    "facts", [{"times": ["2024-01-01"]}, {"made": 9}, {"made": -1}, {"with_future": [float("inf")] * 8}, {"state": ["gone"] * 8}]
)
def test_a_trace_that_cannot_be_drawn_is_refused(facts: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        changed(**facts)


NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-3, 3).map(float))


@given(st.data(), st.integers(1, 64), st.integers(36, 120))
def test_any_trace_can_be_drawn(data: st.DataObject, count: int, width: int) -> None:
    made = data.draw(st.integers(0, count))
    kinds = data.draw(st.lists(st.sampled_from(["moved", "same", "open"]), min_size=count, max_size=count))
    values = st.lists(NUMBERS, min_size=count, max_size=count)
    trace = changed(
        times=["2024-01-01T00:00:00Z"] * count,
        with_future=data.draw(values),
        without_future=data.draw(values),
        state=kinds,
        made=made,
    )
    lines = plotted(trace, width)
    assert all(len(line) <= width for line in lines if "beyond" not in line)
    drawn = plot(trace)
    for point in [*drawn.dots, *drawn.boxes] if drawn else []:
        assert 0 <= point.x <= 640 and drawn is not None and 0 <= point.y <= drawn.bottom
