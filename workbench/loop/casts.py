"""How to read a column as what it was before upstream changed its type: names of casts, what they do, and their source text.

A cast is a word, `word:argument` or `word@zone`: `epoch-seconds`, `epoch-seconds@Europe/Berlin`, `epoch-seconds:%Y-%m-%d`,
`string:05` (with leading zeros), `number`. What a cast does here and what its source text does are the same expression.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

EPOCH_UNITS = {"seconds": "s", "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}
TEXT_FORMATS = (
    "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%d %H:%M:%S+00:00",
    "%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d",
    "%Y-%m-%dT%H:%M:%S.%fZ", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%Y-%m",
)  # fmt: skip
TRUE_WORDS = ("true", "t", "yes", "y", "1", "1.0")
_NUMBER = r"([-+]?\d*\.?\d+)"


def parse(cast: str) -> tuple[str, str, str]:
    """(word, argument behind `:`, zone behind `@`); each may be empty but the word."""
    match = re.fullmatch(r"(?P<word>[a-z-]+)(?:@(?P<zone>[\w/+-]+))?(?::(?P<argument>.*))?", cast, re.DOTALL)
    if match is None:
        raise ValueError(f"`{cast}` is not a cast")
    return match["word"], match["argument"] or "", match["zone"] or ""


def expression(cast: str, column: str) -> str:
    """Pandas source text that reads `column`, itself source text of a series, by the cast. Raises ValueError."""
    word, argument, zone = parse(cast)
    if word.startswith("epoch-") and word[6:] in EPOCH_UNITS:
        return _written(f'pd.to_datetime(pd.to_numeric({column}), unit="{EPOCH_UNITS[word[6:]]}", utc=True)', argument, zone)
    if word.startswith("to-epoch-") and word[9:] in EPOCH_UNITS:
        unit = EPOCH_UNITS[word[9:]]
        return f'(pd.to_datetime({column}, utc=True) - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(1, unit="{unit}")'
    if word == "digits":
        text = f'pd.to_datetime({column}.astype("Int64").astype(str), format="%Y%m%d", errors="coerce")'
        return f'{text}.dt.strftime("{argument}")' if argument else text
    if word == "time":
        return _written(f'pd.to_datetime({column}, utc=True, format="mixed")', argument, zone)
    if word == "day-first":
        return _written(f'pd.to_datetime({column}, utc=True, format="mixed", dayfirst=True)', argument, zone)
    if word == "aware":
        return f'{column}.dt.tz_localize("{zone or "UTC"}", ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC")'
    if word == "naive":
        return f'{column}.dt.tz_convert("{zone or "UTC"}").dt.tz_localize(None)'
    simple = {
        "string": f"{column}.astype(str).where({column}.notna())",
        "number": f'pd.to_numeric({column}).astype("float64")',
        "integer": f'pd.to_numeric({column}).astype("int64")',
        "number-text": f'pd.to_numeric({column}.str.replace(",", "").str.extract(r"{_NUMBER}", expand=False)).astype("float64")',
        "comma-number": f'pd.to_numeric({column}.str.replace(".", "").str.replace(",", ".")).astype("float64")',
        "boolean": f"{column}.astype(str).str.strip().str.lower().isin({list(TRUE_WORDS)!r})".replace("'", '"'),
    }
    if word == "string" and argument:
        return f'{column}.astype("Int64").astype(str).str.zfill({int(argument)}).where({column}.notna())'
    if word == "integer-string":
        return f'{column}.astype("Int64").astype(str).where({column}.notna())'
    if word not in simple:
        raise ValueError(f"`{cast}` is not a cast")
    return simple[word]


def _written(moment: str, argument: str, zone: str) -> str:
    if zone:
        local = "" if zone == "UTC" else f'.dt.tz_convert("{zone}")'
        moment = f"{moment}{local}.dt.tz_localize(None)"
    return f'{moment}.dt.strftime("{argument}")' if argument else moment


def apply(cast: str, values: pd.Series) -> pd.Series | None:
    """The column read by the cast, or None where it can't be read so."""
    try:
        # The same text that goes into the code, on names and literals of this module alone.
        found = eval(expression(cast, "values"), {"pd": pd, "values": values, "__builtins__": {"str": str}})
    except (ValueError, TypeError, AttributeError, OverflowError, pd.errors.ParserError):
        return None
    return found if isinstance(found, pd.Series) else None


def epoch_unit(values: pd.Series) -> str | None:
    """The word of the unit in which numbers are moments between 1980 and 2100, or None where they are not."""
    numbers = np.asarray(pd.to_numeric(values, errors="coerce").dropna(), dtype="float64")
    if not numbers.size:
        return None
    low, high = float(np.quantile(numbers, 0.02)), float(np.quantile(numbers, 0.98))
    for unit, per_second in (("seconds", 1.0), ("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9)):
        if 3.15e8 * per_second <= low and high <= 4.1e9 * per_second:
            return unit
    return None


def is_day_first(values: pd.Series) -> bool:
    """Whether text such as 23/11/2024 has the day in front: some first numbers are no month, and all second ones are."""
    parts = values.dropna().astype(str).str.extract(r"^\s*(\d{1,2})[/.-](\d{1,2})[/.-]\d{4}").dropna().astype("int64")
    return bool(len(parts)) and bool((parts[0] > 12).any()) and bool((parts[1] <= 12).all())


def is_calendar_digits(values: pd.Series) -> bool:
    """Whether numbers are dates written as 20130614."""
    numbers = pd.to_numeric(values, errors="coerce").dropna()
    if numbers.empty or not bool(numbers.between(19000101, 21001231).all()):
        return False
    read: Any = pd.to_datetime(numbers.astype("int64").astype(str), format="%Y%m%d", errors="coerce")
    return bool(read.notna().mean() > 0.99)
