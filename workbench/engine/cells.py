"""When two cells of different tables hold the same value: the reading of types that every comparison shares.

Whole numbers and floats are compared as numbers, exactly; missing and NaN are one thing, and 0.0 is -0.0; times are instants.
What can't be equal by its type (text and a number) is not "different" but incomparable, and nobody may pass on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from workbench.engine.backend import Engine, Incomparable

if TYPE_CHECKING:
    import ibis.expr.types as ir

Family = Literal["whole", "wide", "float", "number", "text", "time", "empty", "other"]
"""`wide` are whole numbers beyond int64, `number` whole numbers on one side and floats on the other."""
_WORDS = {
    "whole": "whole numbers", "wide": "whole numbers", "float": "numbers", "number": "numbers", "text": "text", "time": "times",
    "empty": "nothing",
}  # fmt: skip
_LIMIT = 2.0**63


def family(dtype: Any) -> Family:
    """The kind of a column by its Ibis type."""
    if dtype.is_null():
        return "empty"
    if dtype.is_uint64():
        return "wide"
    if dtype.is_integer() or dtype.is_boolean():
        return "whole"
    if dtype.is_numeric():
        return "float"
    if dtype.is_string():
        return "text"
    return "time" if dtype.is_timestamp() or dtype.is_date() else "other"


def common(column: str, train: Any, test: Any) -> Family:
    """The kind as which a column of these two types is compared. Raises Incomparable where no value could be equal."""
    one, other = family(train), family(test)
    if one == other and (one != "other" or train == test):
        return one
    kinds = {one, other}
    if "empty" in kinds:
        return other if one == "empty" else one
    if kinds == {"whole", "wide"}:
        return "wide"
    if kinds <= {"whole", "wide", "float"}:
        return "number"
    raise Incomparable(column, _WORDS.get(one, str(train)), _WORDS.get(other, str(test)))


def numeric(kind: Family) -> bool:
    """Whether cells of this kind have distances."""
    return kind in ("whole", "wide", "float", "number")


def cells(engine: Engine, column: ir.Value, kind: Family, zone: str) -> list[ir.Value]:
    """The expressions whose hash (`Engine.hashed`) is equal exactly where two cells of this kind are, missing included."""
    dtype = column.type()
    if kind == "whole":
        return [column.cast("int64")]
    if kind == "float":
        return [column.cast("float64")]
    if kind == "number":
        return _number(column)
    if kind in ("wide", "text"):
        return [column.cast("string")]
    if kind == "time":
        return [instant(engine, column, zone)]
    return [column.cast("string") if dtype.is_null() else column]


def missing(column: ir.Value) -> ir.Value:
    """Whether a cell holds nothing: null, or a float that is not a number."""
    return column.isnull() | column.isnan() if column.type().is_floating() else column.isnull()


def instant(engine: Engine, column: ir.Value, zone: str) -> ir.Value:
    """A time as int64 nanoseconds since 1970; one without a zone of its own is on the clock of `zone`."""
    dtype = column.type()
    if dtype.is_date():
        column, dtype = column.cast("timestamp"), None
    if zone != "UTC" and getattr(dtype, "timezone", None) is None:
        column = engine.local_to_utc(column, zone)
    return engine.nanoseconds(column)


def _number(column: ir.Value) -> list[ir.Value]:
    """A float that is whole is compared as the whole number it is: 2**53 + 1 as int64 equals no float."""
    if column.type().is_floating() or column.type().is_decimal():
        number = column.cast("float64")
        whole = (number % 1.0 == 0.0) & (number.abs() < _LIMIT)
    else:
        number, whole = column, column < 2**63 if column.type().is_uint64() else column.notnull()
    return [whole.ifelse(number, None).try_cast("int64"), whole.ifelse(None, number).cast("float64")]
