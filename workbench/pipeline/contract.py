"""`pipelines/<use_case>/contract.toml` as a frozen model: the domain facts that every gate rests on.

Here are the fields, durations and sizes, and reading the file. Which facts contradict each other is in `contradictions.py`;
what the fields mean in full is in `docs/contract.md`. Loading a contract imports neither pandas nor the stages.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, PrivateAttr, ValidationError
from pydantic_core import PydanticCustomError, core_schema

from workbench.errors import ContractError, UsageError
from workbench.pipeline.toml_lines import Line, line_index, nearest, syntax_error_line
from workbench.settings import size_in_bytes

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "pipelines"
FILE = "contract.toml"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ENTRY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_PIECE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-zµ]+)")
_UNITS = {
    "ns": 1, "nanosecond": 1, "us": 10**3, "µs": 10**3, "microsecond": 10**3, "ms": 10**6, "millisecond": 10**6,
    "s": 10**9, "sec": 10**9, "second": 10**9, "m": 60 * 10**9, "min": 60 * 10**9, "t": 60 * 10**9, "minute": 60 * 10**9,
    "h": 3600 * 10**9, "hr": 3600 * 10**9, "hour": 3600 * 10**9, "d": 86400 * 10**9, "day": 86400 * 10**9,
    "w": 7 * 86400 * 10**9, "week": 7 * 86400 * 10**9,
}  # fmt: skip


class Duration(str):
    """A length of time as it is written (`"36h"`, `"7d"`, `"1h30min"`), never negative."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(cls._parsed, core_schema.str_schema(strict=True))

    @classmethod
    def _parsed(cls, text: str) -> Duration:
        duration = cls(text)
        _ = duration.nanoseconds
        return duration

    @property
    def nanoseconds(self) -> int:
        """The length in nanoseconds. Raises a validation error for text that isn't a fixed, non-negative length of time."""
        text = self.strip()
        if text.startswith("-"):
            raise PydanticCustomError("duration", "a duration can't be negative")
        total, position = 0.0, 0
        while position < len(text) and (piece := _PIECE.match(text, position)):
            number, unit = piece.groups()
            factor = _unit(unit)
            if factor is None:
                raise PydanticCustomError("duration", "`{unit}` is not a unit of fixed length", {"unit": unit})
            total += int(number) * factor if number.isdigit() else float(number) * factor
            position = piece.end()
        if not text or text[position:].strip():
            raise PydanticCustomError("duration", 'not a duration; write a number and a unit, such as "36h", "7d" or "90min"')
        if total >= 2**63 - 1:
            raise PydanticCustomError("duration", "longer than pandas can count (292 years)")
        return round(total)

    @property
    def timedelta(self) -> pd.Timedelta:
        """The length as a pandas Timedelta."""
        import pandas as pd

        return pd.Timedelta(self.nanoseconds, unit="ns")


def _unit(unit: str) -> int | None:
    """Nanoseconds of a unit. Case counts, as in pandas: `M` and `MS` are months, which have no fixed length."""
    if unit in ("H", "D", "W", "T", "S"):
        unit = unit.lower()
    return _UNITS.get(unit) or (_UNITS.get(unit[:-1]) if len(unit) > 3 and unit.endswith("s") else None)


def _is_size(text: str) -> str:
    try:
        size_in_bytes(text)
    except ValueError as error:
        raise PydanticCustomError("size", "{why}", {"why": str(error)}) from None
    return text


def _is_entry(text: str) -> str:
    if not _ENTRY.fullmatch(text):
        raise PydanticCustomError("entry", 'not a "module:callable", such as "pipelines.shop.model:fit"')
    return text


def _is_distinct(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PydanticCustomError("distinct", "`{name}` is listed twice", {"name": twice[0]})
    return names


Entry = Annotated[str, AfterValidator(_is_entry)]
Text = Annotated[str, Field(min_length=1)]
Size = Annotated[str, AfterValidator(_is_size)]
Names = Annotated[list[Text], AfterValidator(_is_distinct)]
Fraction = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Stages(_Section):
    """Where the use case's code is: `module:callable` each, with the code root on the import path."""

    load: Entry
    features: Entry | None = None
    split: Entry | None = None
    fit: Entry | None = None
    predict: Entry | None = None
    metrics: Entry | None = None
    validate_: Entry | None = Field(default=None, alias="validate")
    preprocess: Entry | None = None
    postprocess: Entry | None = None
    serve: Entry | None = None
    backtest: Entry | None = None

    def entries(self) -> dict[str, str]:
        """Stage name as in the file → `module:callable`, for the stages that are there."""
        return {name: entry for name, entry in self.model_dump(by_alias=True).items() if entry is not None}


class Column(_Section):
    """When a column is known where it differs from its table's rule, and what its values may be."""

    known: Literal["always"] | None = None
    known_after: Duration | None = None
    known_at: Text | None = None
    type: Literal["number", "integer", "string", "boolean", "time"] | None = None
    min: float | str | None = None
    max: float | str | None = None
    categories: list[str | int | float | bool] | None = None
    unique: bool = False
    max_null_rate: Annotated[float, Field(ge=0, le=1)] | None = None


class Source(_Section):
    """One input table: `time` its event time column, `known_after` how long after that a row's values are known,
    `max_age` how old its newest known row may be when a prediction is made."""

    time: Text | None = None
    known_after: Duration = Duration("0h")
    zone: Text | None = None
    static: bool = False
    max_age: Duration | None = None
    columns: dict[Text, Column] = Field(default_factory=dict)


class Prediction(_Section):
    """What is predicted, for whom, when, and when the outcome is known."""

    entity: Names
    target: Text
    target_time: Text | None = None
    horizon: Duration | None = None
    prediction_time: Text | None = None
    zone: Text | None = None
    label_known_after: Duration = Duration("0h")
    groups: Names = Field(default_factory=list)
    features: Annotated[Names, Field(min_length=1)] | None = None


class Metrics(_Section):
    """What is measured; `definition` is the `module:callable` (y_true, y_pred, frame) -> float of a key of our own."""

    primary: Text
    direction: Literal["minimize", "maximize"]
    definition: Entry | None = None
    baseline: Text | None = None
    margin: Fraction | None = None


class Slices(_Section):
    """Groups of test rows each of which has to hold on its own."""

    by: Annotated[Names, Field(min_length=1)]
    max_regression: Fraction | None = None


class Budgets(_Section):
    """What serving one prediction may cost, how far the mean error may be off, and how often the test may be looked at."""

    latency_p95: Duration | None = None
    memory: Size | None = None
    cost_per_1k_predictions: Fraction | None = None
    bias_gap: Fraction | None = None
    test_touches: Annotated[int, Field(ge=1)] | None = None
    """How often a score on the same test rows may be looked at, over their whole life."""


class Contract(_Section):
    """A use case's declared facts."""

    name: Text
    kind: Literal["regression", "binary", "multiclass"]
    stages: Stages
    sources: Annotated[dict[Text, Source], Field(min_length=1)]
    prediction: Prediction
    metrics: Metrics | None = None
    slices: Slices | None = None
    budgets: Budgets | None = None

    _path: str = PrivateAttr(default=FILE)
    _lines: dict[tuple[str, ...], Line] = PrivateAttr(default_factory=dict)

    @property
    def path(self) -> str:
        """The file, relative to the code root, with `/`."""
        return self._path

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over the declared facts: independent of order, layout, comments and of what is left at its default."""
        facts = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def line_of(self, *keys: str) -> int | None:
        """The line (from 1) where this key stands in the file, or None: `line_of("sources", "flights", "time")`."""
        return self._lines.get(keys)


def use_cases(root: Path) -> list[str]:
    """The names of the use cases below `root`: the folders of `pipelines/` with a contract."""
    return sorted(path.parent.name for path in (root / FOLDER).glob(f"*/{FILE}") if path.is_file())


def load_contract(root: Path, use_case: str) -> Contract:
    """Reads and checks the contract of a use case.

    Raises UsageError where there is no such use case, ContractError (`pipelines/x/contract.toml:12: …`) for the first
    thing that is wrong in it.
    """
    from workbench.pipeline.contradictions import contradictions

    name = f"{FOLDER}/{use_case}/{FILE}"
    if not _NAME.fullmatch(use_case) or not (root / name).is_file():
        known = use_cases(root)
        there = f"there is: {', '.join(known)}" if known else f"a use case is a folder {FOLDER}/NAME with a {FILE}"
        raise UsageError(f"There is no use case `{use_case}` here.", there)
    try:
        text = (root / name).read_bytes().decode("utf-8")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ContractError(f"{name}: is not UTF-8 text: {error.reason} at byte {error.start}.", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        line, what = syntax_error_line(str(error), text)
        raise ContractError(f"{name}:{line}: is not valid TOML: {what}.", "mend the syntax of this line") from None
    lines = line_index(text)
    try:
        contract = Contract.model_validate(_with_direction(table))
    except ValidationError as error:
        from workbench.pipeline.contract_errors import explained

        raise explained(error, name, lines, table) from None
    contract._path, contract._lines = name, lines
    for problem in contradictions(contract, use_case, table):
        raise ContractError(f"{name}:{nearest(lines, problem.at)}: {problem.message}", problem.hint)
    return contract


def _with_direction(table: dict[str, Any]) -> dict[str, Any]:
    """Fills in the direction that a well-known metric has; a metric of the use case's own has to say it."""
    metrics = table.get("metrics")
    if not isinstance(metrics, dict) or "direction" in metrics or "definition" in metrics:
        return table
    primary = metrics.get("primary")
    if not isinstance(primary, str):
        return table
    direction = natural_direction(primary)
    return {**table, "metrics": {**metrics, "direction": direction}} if direction else table


def natural_direction(primary: str) -> Literal["minimize", "maximize"] | None:
    """The one direction a known metric can have: errors are minimized, what scikit-learn negates is maximized."""
    if primary in ("mae", "rmse", "wape"):
        return "minimize"
    if primary.startswith("neg_") or primary in _SCORES:
        return "maximize"
    return None


_SCORES = frozenset(
    ["r2", "explained_variance", "accuracy", "balanced_accuracy", "average_precision", "roc_auc", "roc_auc_ovr", "roc_auc_ovo",
     "f1", "f1_macro", "f1_micro", "f1_weighted", "precision", "recall", "jaccard", "matthews_corrcoef"]
)  # fmt: skip
