"""Abstract values: what the analysis knows of a value instead of the value itself.

Everything that flows is a `Value`; tables also know their columns, estimators what they were fitted on. `Mark`s say what
went into a value: a statistic of which rows, a read of later rows. How values come about is in `expressions` and `calls`.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.lint.rows import NO_ROWS, Rows

_counter = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the file as people find it: line from 1; `cell` from 1 in notebooks; `function` encloses it."""

    line: int
    column: int = 1
    function: str = ""
    unused: bool = False
    """On a path that this file doesn't take: an option of one of its functions that is off by default."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that went into a value: a look ahead (`kind` of `AHEAD`), or a statistic (`fit`, `statistic`, `group`, `select`,
    `resample`, `undersample`, `encode`, `correlation`, `model`) computed on `rows`. `what` is the code in short.
    """

    kind: str
    site: Site
    what: str
    rows: Rows = NO_ROWS
    names: frozenset[str] = frozenset()
    labels: bool = False
    """Computed from a label."""
    compared: bool = False
    """Only a comparison with it went on."""


Marks = frozenset[Mark]
NONE: Marks = frozenset()
AHEAD = frozenset({"shift", "window", "fill", "index", "asof", "history"})
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()


@dataclass(frozen=True, slots=True)
class Prediction:
    """`model.predict(rows)`: which fit made it."""

    model: int
    fits: tuple[Fit, ...]
    rows: Rows
    exact: bool
    site: Site
    name: str = ""
    """What the rows are called in the code (`X_test`)."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One `fit`: the rows, and the marks of what was learned from."""

    rows: Rows
    exact: bool
    marks: Marks
    site: Site
    supervised: bool
    name: str = ""


@dataclass(eq=False, slots=True)
class Value:
    """Any value. `names` are column names it derives from, `order` what shows that its rows are ordered in time."""

    rows: Rows = NO_ROWS
    exact: bool = True
    """False where the rows may be more or fewer than `rows` says."""
    marks: Marks = NONE
    names: frozenset[str] = frozenset()
    order: frozenset[str] = frozenset()
    const: Any = MISSING
    mask: frozenset[Any] | None = None
    """Parts that indexing a table with this value selects."""
    predictions: frozenset[Prediction] = frozenset()
    scores: frozenset[Prediction] = frozenset()
    """Predictions of which this is a score."""
    step: int | None = None
    """For an index that counts rows: how far ahead of the current row (`i + 1` is 1)."""
    reverse: bool = False
    view: str = ""
    """`group`, `trailing`, `centered`, `resample`: what a following reduction means."""
    index: bool = False
    sign: int = 0
    """-1 where a number is negative though not known."""
    ident: int = field(default_factory=lambda: next(_counter))

    def with_(self, **changes: Any) -> Any:
        """A copy with other fields; a new identity."""
        return replace(self, ident=next(_counter), **changes)

    def all_marks(self) -> Marks:
        """Marks of this value and of everything it holds."""
        return self.marks


@dataclass(eq=False, slots=True)
class Table(Value):
    """A frame, series or array. `columns` are those that were set here; others carry `marks` alone."""

    columns: dict[str, Value] = field(default_factory=dict)
    partial: bool = False
    """Some columns may have been left out by a choice that couldn't be followed."""
    only: bool = False
    """`columns` are all there are."""
    series: bool = False
    flowing: bool = False
    """A window that ends before what is predicted: later rows in it are no look-ahead."""

    def all_marks(self) -> Marks:
        """Marks of the table and of each column."""
        return self.marks.union(*(c.all_marks() for c in self.columns.values())) if self.columns else self.marks

    def marked(self, marks: Iterable[Mark]) -> Table:
        """A copy in which every column carries `marks`, too."""
        added = frozenset(marks)
        if not added:
            return self.copy()
        columns = {name: c.with_(marks=c.marks | added) for name, c in self.columns.items()}
        return self.with_(marks=self.marks | added, columns=columns)  # type: ignore[no-any-return]

    def copy(self, **changes: Any) -> Table:
        """A copy with columns of its own."""
        changes.setdefault("columns", dict(self.columns))
        return self.with_(**changes)  # type: ignore[no-any-return]


@dataclass(eq=False, slots=True)
class Sequence(Value):
    """A list, tuple or set whose items are known, or (`open`) whose one item stands for all."""

    items: list[Value] = field(default_factory=list)
    open: bool = False

    def all_marks(self) -> Marks:
        """Marks of all items."""
        return self.marks.union(*(v.all_marks() for v in self.items))


@dataclass(eq=False, slots=True)
class Mapped(Value):
    """A dict: known keys, and `rest` for keys that aren't known."""

    entries: dict[Any, Value] = field(default_factory=dict)
    rest: Value | None = None

    def all_marks(self) -> Marks:
        """Marks of all values."""
        inner = [*self.entries.values(), *([self.rest] if self.rest else [])]
        return self.marks.union(*(v.all_marks() for v in inner))


@dataclass(eq=False, slots=True)
class ColumnNames(Value):
    """`frame.columns`, or a list made from it: all but `dropped`, or all that aren't known (`partial`)."""

    dropped: frozenset[str] = frozenset()
    partial: bool = False
    known: tuple[str, ...] | None = None


@dataclass(eq=False, slots=True)
class Estimator(Value):
    """An object with fit, transform or predict."""

    name: str = ""
    role: str = "model"
    """`model`, `transformer`, `vocabulary`, `stateless`, `selector`, `encoder`, `resampler`, `undersampler`, `search`."""
    steps: list[Estimator] = field(default_factory=list)
    fits: tuple[Fit, ...] = ()
    stops: bool = False
    """Early stopping, or keeping the best state, is switched on."""
    cv: Value | None = None


@dataclass(eq=False, slots=True)
class Splitter(Value):
    """KFold and its like. `shuffle`: rows of a fold are drawn at random; `timed`: folds follow the order."""

    name: str = ""
    shuffle: bool = False
    timed: bool = False
    site: Site = field(default_factory=lambda: Site(1))
    grouped: bool = False


@dataclass(eq=False, slots=True)
class Function(Value):
    """A function of this file, or a lambda; `scope` is where it was defined."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None = None
    scope: Any = None
    bound: Value | None = None
    defaults: Mapping[str, Value] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Class(Value):
    """A class of this file."""

    node: ast.ClassDef | None = None
    scope: Any = None
    attributes: dict[str, Value] = field(default_factory=dict)
    bases: list[Value] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Instance(Value):
    """An object of a class of this file, with its attributes."""

    cls: Class | None = None
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class External(Value):
    """A name from a module that isn't this file: `path` as `sklearn.model_selection.train_test_split`."""

    path: str = ""

    @property
    def last(self) -> str:
        """The name itself."""
        return self.path.rpartition(".")[2]


def unique() -> int:
    """A number that no other value has."""
    return next(_counter)
