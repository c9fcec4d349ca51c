"""A table's profile: kinds, ranges, categories and a sketch of the values of each column, small enough to commit.

`pipelines/<use_case>/reference.json` holds the profile of the tables the use case was built on; the drift rules compare
today's tables with it. Nothing here judges; `drift.py` compares, the rule files decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import ConfigError

Kind = Literal["number", "integer", "string", "boolean", "time", "other", "empty"]

REFERENCE = "reference.json"
SKETCH_SIZE = 128
MAX_CATEGORIES = 60
QUANTILES = tuple(q / 10 for q in range(11))


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnProfile(_Model):
    """One column. Numbers are as stored; times are nanoseconds since 1970 in UTC; `sketch` holds the smallest hashes of
    the distinct values (bottom-k), from which the share of values that two columns have in common can be estimated."""

    kind: Kind
    rows: int
    null_rate: float
    distinct: int
    minimum: float | None = None
    maximum: float | None = None
    quantiles: list[float] = Field(default_factory=list)
    """Deciles 0 to 1 of what isn't missing, for numbers and times."""
    categories: dict[str, float] | None = None
    """Share of each value, where there are few; strings and booleans only."""
    sketch: list[str] = Field(default_factory=list)


class TableProfile(_Model):
    """One source table."""

    rows: int
    columns: dict[str, ColumnProfile]


class Profile(_Model):
    """All source tables of a use case: the content of `reference.json`."""

    format: Literal[1] = 1
    tables: dict[str, TableProfile]


def profile(tables: Mapping[str, pd.DataFrame]) -> Profile:
    """Profiles every table; reads each column once."""
    return Profile(tables={name: profile_table(frame) for name, frame in sorted(tables.items())})


def profile_table(frame: pd.DataFrame) -> TableProfile:
    """Profiles one table; column names are taken as text."""
    return TableProfile(
        rows=len(frame), columns={str(name): profile_column(frame.iloc[:, i]) for i, name in enumerate(frame.columns)}
    )


def profile_column(values: pd.Series) -> ColumnProfile:
    """Profiles one column of any dtype."""
    kind = kind_of(values)
    present = values.dropna()
    hashes = value_hashes(values, kind)
    numbers = as_numbers(present, kind)
    categories: dict[str, float] | None = None
    if kind in ("string", "boolean") and 0 < len(hashes) <= MAX_CATEGORIES:
        shares = present.astype(str).value_counts(normalize=True)
        categories = {str(k): round(float(v), 6) for k, v in sorted(shares.items())}
    return ColumnProfile(
        kind=kind,
        rows=len(values),
        null_rate=float(values.isna().mean()) if len(values) else 0.0,
        distinct=len(hashes),
        minimum=float(numbers.min()) if numbers is not None and numbers.size else None,
        maximum=float(numbers.max()) if numbers is not None and numbers.size else None,
        quantiles=[float(q) for q in np.quantile(numbers, QUANTILES)] if numbers is not None and numbers.size else [],
        categories=categories,
        sketch=[f"{int(h):016x}" for h in np.sort(hashes)[:SKETCH_SIZE]],
    )


def kind_of(values: pd.Series) -> Kind:
    """The kind of a column by what it holds, not only by its dtype: object columns are looked into."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return kind_of(pd.Series(values.cat.categories))
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "time"
    if pd.api.types.is_integer_dtype(dtype):
        return "integer"
    if pd.api.types.is_float_dtype(dtype):
        return "number" if values.notna().any() else "empty"
    if isinstance(dtype, pd.StringDtype):
        return "string" if values.notna().any() else "empty"
    found = pd.api.types.infer_dtype(values, skipna=True)
    kinds: dict[str, Kind] = {
        "string": "string", "boolean": "boolean", "integer": "integer", "floating": "number", "empty": "empty",
        "mixed-integer-float": "number", "decimal": "number", "datetime64": "time", "datetime": "time", "date": "time",
    }  # fmt: skip
    return kinds.get(found, "other")


def as_numbers(values: pd.Series, kind: Kind) -> np.ndarray[Any, Any] | None:
    """What isn't missing as finite float64 (times as nanoseconds), or None for kinds without an order."""
    if kind in ("number", "integer"):
        numbers = pd.to_numeric(values, errors="coerce").dropna().to_numpy(dtype="float64")
    elif kind == "time":
        numbers = _nanoseconds(values).astype("float64")
    else:
        return None
    finite: np.ndarray[Any, Any] = numbers[np.isfinite(numbers)]
    return finite


def value_hashes(values: pd.Series, kind: Kind) -> np.ndarray[Any, Any]:
    """Distinct 64-bit hashes of the values read as `kind`; what can't be read so is left out.

    Two columns of different dtypes hash alike where they hold the same values read as the same kind.
    """
    present = values.dropna()
    if isinstance(present.dtype, pd.CategoricalDtype):
        present = present.astype(present.cat.categories.dtype)
    if kind in ("number", "integer"):
        raw = pd.to_numeric(present, errors="coerce").dropna().to_numpy(dtype="float64")
        raw = raw + 0.0  # -0.0 and 0.0 are the same value
    elif kind == "time":
        raw = _nanoseconds(present)
    else:
        raw = present.astype(str).str.strip().to_numpy(dtype=object)
    return np.unique(pd.util.hash_array(pd.unique(raw)))


def _nanoseconds(values: pd.Series) -> np.ndarray[Any, Any]:
    if pd.api.types.is_numeric_dtype(values.dtype):
        # Epochs: the unit that puts them between 1980 and 2100.
        numbers = values.dropna().to_numpy(dtype="float64")
        middle = float(np.median(np.abs(numbers))) if numbers.size else 0.0
        for factor in (1e9, 1e6, 1e3, 1.0):
            if 3.15e17 <= middle * factor <= 4.1e18:
                return np.asarray(numbers * factor, dtype="int64")
        return np.array([], dtype="int64")
    try:
        parsed = pd.to_datetime(values, utc=True, errors="coerce", format="mixed")
    except (TypeError, ValueError, OverflowError):
        return np.array([], dtype="int64")
    return np.asarray(parsed.dropna().dt.as_unit("ns").astype("int64"))


def read_reference(root: Path, use_case: str) -> Profile | None:
    """The committed profile of a use case, or None where it has none.

    Raises ConfigError for a file that can't be used: a drift gate without its reference must not pass silently.
    """
    path = root / "pipelines" / use_case / REFERENCE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"pipelines/{use_case}/{REFERENCE} can't be read: {error}.", "write it again with the `profile` skill"
        ) from None
    try:
        return Profile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"pipelines/{use_case}/{REFERENCE} is not a profile: `{where}`: {first['msg']}.",
            "write it again with the `profile` skill",
        ) from None
