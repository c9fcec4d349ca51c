"""What the rules share: which statistics span training and held-out rows, which look-ahead reaches a model, what is held out.

Computed once per file from its trace; a rule picks what it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from workbench.lint.names import is_bar, is_label, is_validation
from workbench.lint.rows import Atom, Part, Rows, covers, disjoint, dividing
from workbench.lint.trace import CrossValidationEvent, Features, FitEvent, PredictEvent, ReturnEvent, SplitEvent, Trace
from workbench.lint.values import AHEAD, Mark, Marks, Prediction, Site

STATISTICS = frozenset({"fit", "statistic", "group", "select", "resample", "undersample", "encode"})
_WITH_LABELS = frozenset({"select", "resample", "encode"})


@dataclass(frozen=True)
class Reach:
    """A mark that reaches a model or an evaluation; `where` says how, `site` where that is."""

    mark: Mark
    where: str
    site: Site
    column: str = ""
    flavour: str = "model"
    """`model`, `labels`, `folds`, `split`, `inner` or `returned`."""


class Facts:
    """Derived facts of one file."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.labels = frozenset(trace.label_names)

    @cached_property
    def predictions_of(self) -> dict[int, list[PredictEvent]]:
        """model → what it was asked."""
        found: dict[int, list[PredictEvent]] = {}
        for event in self.trace.predictions:
            found.setdefault(event.prediction.model, []).append(event)
        return found

    @cached_property
    def train_sides(self) -> frozenset[Part]:
        """Parts that models were fitted on while the other side of the division was held out."""
        sides = {Part(event.key, "train") for event in self.trace.splits}
        for prediction in self._predictions:
            for fit in prediction.fits:
                sides |= dividing(fit.rows, prediction.rows)
        return frozenset(sides)

    @property
    def _predictions(self) -> Iterator[Prediction]:
        return (event.prediction for event in self.trace.predictions)

    def nested(self, atom: Atom) -> bool:
        """True where rows lie wholly in a training part: what is held out is elsewhere."""
        return bool(atom.parts & self.train_sides)

    def held_out(self, prediction: Prediction) -> bool:
        """True where a model was asked about rows that it certainly wasn't fitted on."""
        return bool(prediction.rows) and all(
            all(disjoint(d, f) for f in fit.rows for d in prediction.rows) for fit in prediction.fits if fit.rows
        )

    @cached_property
    def statistics(self) -> list[Reach]:
        """Statistics over training and held-out rows together that reach a model, each once."""
        found: dict[tuple[object, ...], Reach] = {}
        for reach in self._statistics():
            found.setdefault((reach.mark.kind, reach.mark.site, reach.mark.what), reach)
        return list(found.values())

    @cached_property
    def _inner_choices(self) -> frozenset[str]:
        """Divisions by whose held-out part something was chosen."""
        scores = [s for event in self.trace.choices for s in event.scores]
        return frozenset(p.key for s in scores for atom in s.rows for p in atom.parts if p.side != "train")

    def _statistics(self) -> Iterator[Reach]:
        split_keys = {event.key: event for event in self.trace.splits}
        used: set[str] = set()
        for fit in self.trace.fits:
            marks = _statistics(fit.features.marks(self.labels | fit.label_names, is_label))
            for atom in fit.features.rows:
                used |= {p.key for p in atom.parts}
                for part in atom.parts:
                    event = split_keys.get(part.key)
                    if event is None or part.side != "train":
                        continue
                    yield from self._over_both(marks, atom, part, event, fit)
                    yield from self._over_both(fit.label_marks, atom, part, event, fit, "labels")
            yield from self._asked(marks, fit)
        for cross in self.trace.cross_validations:
            yield from self._folds(cross)
        for event in self.trace.splits:
            if event.key not in used:
                yield from self._only_split(event)

    def _over_both(
        self, marks: Marks, atom: Atom, part: Part, event: SplitEvent, fit: FitEvent, flavour: str = "model"
    ) -> Iterator[Reach]:
        for mark in ordered(marks):
            over = [a for a in mark.rows if covers(a, atom) and part not in a.parts]
            where = f"line {event.site.line} divides them, and {fit.name} is fitted on one part"
            if any(not self.nested(a) for a in over):
                yield Reach(mark, where, fit.site, flavour=flavour)
            elif over and flavour == "model" and part.key in self._inner_choices and event.what.startswith("train_test_split"):
                yield Reach(mark, where, fit.site, flavour="inner")

    def _asked(self, marks: Marks, fit: FitEvent) -> Iterator[Reach]:
        for event in self.predictions_of.get(fit.model, []):
            asked = event.features.marks(self.labels | fit.label_names, is_label)
            for mark in ordered(marks | _statistics(asked)):
                if self._spans(mark, fit.features.rows, event.prediction.rows):
                    name = event.prediction.name or "other rows"
                    yield Reach(mark, f"{fit.name} is fitted on some of them and asked about others ({name})", event.site)

    def _spans(self, mark: Mark, train: Rows, asked: Rows) -> bool:
        for f in train:
            for d in asked:
                if not disjoint(f, d):
                    continue
                over = [a for a in mark.rows if covers(a, f)]
                if any(covers(a, d) for a in mark.rows) and any(not self.nested(a) for a in over):
                    return True
        return False

    def _folds(self, cross: CrossValidationEvent) -> Iterator[Reach]:
        marks = _statistics(cross.features.marks(self.labels | cross.label_names, is_label))
        searched = bool(cross.features.rows) and cross.what.endswith("SearchCV")
        for mark in ordered(marks):
            whole = [a for a in mark.rows for f in cross.features.rows if covers(a, f)]
            if not whole:
                continue
            if all(self.nested(a) for a in whole) and (searched or mark.kind not in _WITH_LABELS):
                continue
            yield Reach(mark, f"{cross.what.partition('(')[0]} then makes folds of them", cross.site, flavour="folds")

    def _only_split(self, event: SplitEvent) -> Iterator[Reach]:
        features = event.features
        features = Features(features.rows, features.exact, features.whole, features.columns, True, features.order)
        for mark in ordered(_statistics(features.marks(self.labels, is_label))):
            if any(covers(a, f) and not self.nested(a) for a in mark.rows for f in features.rows):
                yield Reach(mark, f"line {event.site.line} divides them afterwards", event.site, flavour="split")

    @cached_property
    def ahead(self) -> list[Reach]:
        """Reads of later rows that reach the features of a model, or what a library of features gives back; each once."""
        found: dict[tuple[object, ...], Reach] = {}
        for reach in self._ahead():
            if reach.mark.kind == "fill" and not self.trace.order:
                continue  # rows in no order have no later rows
            found.setdefault((reach.mark.kind, reach.mark.site), reach)
        return list(found.values())

    def _ahead(self) -> Iterator[Reach]:
        used: set[str] = set()
        for fit in self.trace.fits:
            used |= {p.key for atom in fit.features.rows for p in atom.parts}
            if fit.supervised or fit.role == "search":
                yield from self._in(fit.features, self.labels | fit.label_names, f"is a feature of {fit.name}", fit.site)
        for event in self.trace.predictions:
            if event.prediction.fits:
                yield from self._in(event.features, self.labels, "is asked about", event.site)
        for cross in self.trace.cross_validations:
            yield from self._in(cross.features, self.labels | cross.label_names, "is cross-validated", cross.site)
        for split in self.trace.splits:
            if split.key not in used:
                yield from self._in(split.features, self.labels, "is divided into train and test", split.site, certain=False)
        yield from self._given_back(AHEAD)
        if not self.trace.fits:
            for export in self.trace.exports:
                yield from self._in(export.features, self.labels, "is written to a file of features", export.site, certain=False)

    def _in(self, features: Features, labels: frozenset[str], where: str, site: Site, *, certain: bool = True) -> Iterator[Reach]:
        if features.flowing:
            return
        doubtful = features.partial or not certain
        for mark in ordered(features.whole):
            if mark.kind in AHEAD and not (doubtful and any(is_label(n) for n in mark.names)):
                yield Reach(mark, where, site)
        for name, marks in features.columns:
            if name in labels or (doubtful and is_label(name)):
                continue
            for mark in ordered(marks):
                if mark.kind in AHEAD:
                    yield Reach(mark, where, site, name)

    def _given_back(self, kinds: Iterable[str]) -> Iterator[Reach]:
        chosen = frozenset(kinds)
        modelled = any(fit.supervised for fit in self.trace.fits)
        for event in self.trace.returns:
            if not self._makes_features(event, modelled):
                continue
            if event.column and (is_label(event.column) or event.column in self.labels):
                continue
            for mark in ordered(event.marks):
                if mark.kind in chosen and not (event.column == "" and any(is_label(n) for n in mark.names)):
                    where = f"`{event.function}` gives it back" + (f" as `{event.column}`" if event.column else "")
                    yield Reach(mark, where, event.site, event.column, flavour="returned")

    def _makes_features(self, event: ReturnEvent, modelled: bool) -> bool:
        # Indicators of price bars are features whatever they are called; other functions have to say so by their name.
        return event.strategy or event.features or ("bars" in event.order and not modelled)

    @cached_property
    def whole_history(self) -> list[Reach]:
        """Statistics over all rows of an ordered table that a function gives back for each of its rows."""
        found: dict[tuple[object, ...], Reach] = {}
        for event in self.trace.returns:
            in_time = event.order & {"bars", "lagged", "time index", "sorted"}
            if not event.strategy and not (in_time and self._makes_features(event, bool(self.trace.fits))):
                continue
            if event.column and is_label(event.column) and not is_bar(event.column):
                continue
            for mark in ordered(event.marks):
                if mark.kind not in ("fit", "statistic", "group"):
                    continue
                if any(covers(a, atom) for a in mark.rows for atom in event.rows):
                    where = f"`{event.function}` gives it back for every row"
                    found.setdefault((mark.site,), Reach(mark, where, event.site, event.column, flavour="returned"))
        return list(found.values())

    def independent_after(self, moment: int, rows: Rows) -> bool:
        """True where, after `moment`, a model was asked about held-out rows that share nothing with `rows`."""
        for event in self.trace.predictions:
            prediction = event.prediction
            if self.trace.clock[id(event)] < moment or not self.held_out(prediction) or not prediction.rows:
                continue
            if all(disjoint(a, b) for a in prediction.rows for b in rows):
                return True
        return False

    def for_choosing(self, prediction: Prediction) -> bool:
        """True where the rows are there to choose by: folds, or a validation part by its name."""
        folds = {event.key for event in self.trace.splits if event.key.startswith("fold")}
        return is_validation(prediction.name) or any(p.key in folds for atom in prediction.rows for p in atom.parts)


def ordered(marks: Marks) -> list[Mark]:
    """Marks in the order of their places, so that two runs say the same."""
    return sorted(marks, key=lambda m: (m.site.line, m.site.column, m.kind, m.what, m.compared))


def _statistics(marks: Marks) -> Marks:
    return frozenset(m for m in marks if m.kind in STATISTICS and m.rows)
