"""visible(): nothing that comes out can move, hide or reorder."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from workbench.visible import visible


@given(st.text())
def test_every_character_that_comes_out_is_printable(text: str) -> None:
    shown = visible(text)
    assert all(c.isprintable() and unicodedata.category(c) not in {"Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"} for c in shown)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@given(st.text())
def test_newlines_are_kept_only_where_asked_for(text: str) -> None:
    assert "\n" not in visible(text)
    assert visible(text, newlines=True).count("\n") == text.count("\n")


def test_what_hides_or_reorders_is_written_out() -> None:
    assert visible("a\x1b[2Jb\u202ec\u200bd\r") == "a\\x1b[2Jb\\u202ec\\u200bd\\x0d"
    assert visible("x\ufe0f\u3164") == "x\\ufe0f\\u3164"
    assert visible("\U000e0101") == "\\U000e0101"
    assert visible("Zürich — 北京") == "Zürich — 北京"


def test_a_limit_says_how_much_was_left_out() -> None:
    assert visible("abcdef", limit=3) == "abc… (+3 characters)"
    assert visible("abc", limit=3) == "abc"
