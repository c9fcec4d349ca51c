"""What happened in a file, in order: the events that the rules look at. How they are found is in `interpreter`."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.lint.rows import Rows
from workbench.lint.values import AHEAD, NONE, Estimator, Fit, Marks, Prediction, Site, Table, Value


@dataclass(frozen=True)
class Features:
    """What a model is given: rows, and the marks of each column."""

    rows: Rows
    exact: bool
    whole: Marks
    columns: tuple[tuple[str, Marks], ...] = ()
    partial: bool = False
    order: frozenset[str] = frozenset()
    name: str = ""
    flowing: bool = False

    def marks(self, labels: frozenset[str], is_label: object = None) -> Marks:
        """Marks of the columns, without those that are labels (by use; by name, too, where columns may have been left out)."""
        found = self.whole
        for name, marks in self.columns:
            if name in labels or (self.partial and callable(is_label) and is_label(name)):
                continue
            found |= marks
        return found


@dataclass(frozen=True)
class FitEvent:
    """A model was fitted; `held_out` are rows given for early stopping."""

    model: int
    name: str
    role: str
    features: Features
    supervised: bool
    label_names: frozenset[str]
    site: Site
    label_marks: Marks = NONE
    """Statistics in the labels."""
    tuned: Marks = NONE
    """Searches that chose its parameters."""


@dataclass(frozen=True)
class PredictEvent:
    """A fitted model was asked about rows."""

    prediction: Prediction
    features: Features
    site: Site


@dataclass(frozen=True)
class EvaluateEvent:
    """A score was computed from predictions."""

    predictions: frozenset[Prediction]
    site: Site
    what: str


@dataclass(frozen=True)
class SplitEvent:
    """Rows were divided by a splitting function."""

    key: str
    what: str
    features: Features
    shuffled: bool
    timed: bool
    grouped: bool
    site: Site
    stratified: bool = False


@dataclass(frozen=True)
class CrossValidationEvent:
    """An estimator was evaluated on folds of these rows."""

    what: str
    role: str
    features: Features
    shuffled: bool
    site: Site
    label_names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StopEvent:
    """Training was stopped, or its best state kept, by looking at these rows."""

    rows: Rows
    exact: bool
    name: str
    site: Site
    what: str


@dataclass(frozen=True)
class ChoiceEvent:
    """Something was chosen by a score."""

    scores: frozenset[Prediction]
    site: Site
    what: str


@dataclass(frozen=True)
class ReturnEvent:
    """A function that nothing in the file calls gives this back (or leaves it in a table that it was given)."""

    function: str
    marks: Marks
    column: str
    site: Site
    order: frozenset[str]
    rows: Rows
    strategy: bool = False
    features: bool = False
    """By its name the function makes features, indicators or signals."""


@dataclass(frozen=True)
class ExportEvent:
    """A table was written to a file."""

    features: Features
    site: Site
    what: str


@dataclass
class Trace:
    """All events of one file, and what is known of the file as a whole."""

    fits: list[FitEvent] = field(default_factory=list)
    predictions: list[PredictEvent] = field(default_factory=list)
    evaluations: list[EvaluateEvent] = field(default_factory=list)
    splits: list[SplitEvent] = field(default_factory=list)
    cross_validations: list[CrossValidationEvent] = field(default_factory=list)
    stops: list[StopEvent] = field(default_factory=list)
    choices: list[ChoiceEvent] = field(default_factory=list)
    returns: list[ReturnEvent] = field(default_factory=list)
    exports: list[ExportEvent] = field(default_factory=list)
    label_names: set[str] = field(default_factory=set)
    order: set[str] = field(default_factory=set)
    """Everything in the file that shows rows ordered in time."""
    clock: dict[int, int] = field(default_factory=dict)
    """id of an event → when it happened."""
    roots_from: int | None = None
    """From then on, only functions that nothing in the file calls were followed."""

    def add(self, event: object) -> None:
        """Records an event in its list and its place in time."""
        lists = {
            FitEvent: self.fits,
            PredictEvent: self.predictions,
            EvaluateEvent: self.evaluations,
            SplitEvent: self.splits,
            CrossValidationEvent: self.cross_validations,
            StopEvent: self.stops,
            ChoiceEvent: self.choices,
            ReturnEvent: self.returns,
            ExportEvent: self.exports,
        }
        chosen: list[object] = lists[type(event)]  # type: ignore[assignment]
        chosen.append(event)
        self.clock[id(event)] = len(self.clock)


def features_of(value: Value | None, name: str = "") -> Features:
    """A snapshot of a value as it is given to a model."""
    if value is None:
        return Features(frozenset(), True, NONE)
    if isinstance(value, Table) and value.columns:
        columns = tuple((column, v.all_marks()) for column, v in value.columns.items())
        return Features(
            value.rows, value.exact, value.marks, columns, value.partial, value.order, name, value.flowing
        )  # fmt: skip
    marks = value.all_marks()
    flowing = isinstance(value, Table) and value.flowing
    if flowing:
        marks = frozenset(m for m in marks if m.kind not in AHEAD)
    return Features(value.rows, value.exact, marks, (), False, value.order, name, flowing)


def fit_of(estimator: Estimator, features: Features, site: Site, supervised: bool) -> Fit:
    """The record of a fit that an estimator keeps."""
    marks = features.marks(frozenset())
    return Fit(features.rows, features.exact, marks, site, supervised, features.name)
