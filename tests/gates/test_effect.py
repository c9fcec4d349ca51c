"""Measured effects: a planted leak is worth what it is worth, an idle one nothing, and an interval holds what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tests.gates.subjects import HOURS, NO_GAP, contract, running, seen, shop_frame
from tests.report.examples import embargo
from tests.workspaces import SHOP_FEATURES, SHOP_METRICS, SHOP_MODEL, SHOP_SPLIT
from workbench.findings import Effect, Finding, MovedCell, Severity
from workbench.gates import effect_interval as interval
from workbench.gates.effect import measured
from workbench.gates.effect_carry import carried
from workbench.gates.effect_interval import Units
from workbench.gates.effect_scores import Compared, effect_of, standard_error
from workbench.gates.facts import Audit
from workbench.gates.metric.scores import fold_scores, overall, primary_score
from workbench.gates.rule import NotExercised
from workbench.pipeline.contract import Contract
from workbench.report.model import priority, ranked
from workbench.report.words import effect_words

HONEST = 1.59870976
"""The shop's score as it is; the test of the clean pipeline below holds it to that."""
UNITS = 'frame.groupby("store")["units"]'
MOVED = MovedCell(entity={"store": "A"}, cutoff="2024-01-20T00:00:00Z", world="truncated", before="1", after="2")


def finding(rule: str, stage: str, **fields: Any) -> Finding:
    words = {"severity": Severity.ERROR, "message": "m", "remedy": "r"}
    return Finding.model_validate({"rule": rule, "stage": stage, **words, **fields})


def with_features(**columns: str) -> dict[str, Any]:
    """A shop with further features, each an expression over the feature frame."""
    code = "".join(f'    frame["{name}"] = {made}\n' for name, made in columns.items())
    names = "".join(f', "{name}"' for name in columns)
    return {
        "features": SHOP_FEATURES.replace('    frame["hour_of_day"]', code + '    frame["hour_of_day"]'),
        "model": SHOP_MODEL.replace('"hour_of_day"]', f'"hour_of_day"{names}]').replace(
            "[x[:, :4], np", "[x[:, :4], x[:, 5:], np"
        ),
        "edits": [('"hour_of_day"]', f'"hour_of_day"{names}]')],
    }


def effect(subject: Audit, *given: Finding) -> Effect:
    """The effect of the first finding."""
    found = measured(subject, given)[0].effect
    assert found is not None
    return found


def score(subject: Audit) -> float:
    return overall(*fold_scores(subject, primary_score(subject)))


def check_measured(found: Effect, claimed: float, honest: float) -> None:
    """Claim and truth as computed directly, and an interval that covers the difference."""
    assert found.not_measured == ""
    assert found.claimed == pytest.approx(claimed, rel=1e-5) and found.honest == pytest.approx(honest, rel=1e-5)
    assert found.gain == pytest.approx(honest - claimed, abs=1e-5)
    assert (
        found.low is not None
        and found.high is not None
        and found.low <= honest - claimed + 1e-9
        and found.high >= honest - claimed
    )


@pytest.fixture(scope="module")
def repaired_score(tmp_path_factory: pytest.TempPathFactory) -> float:
    """The score of a shop whose extra feature is the repaired one."""
    with running(tmp_path_factory.mktemp("shop"), **with_features(x=f"{UNITS}.shift(26)")) as subject:
        return score(subject)


def test_a_feature_that_reads_the_outcome_is_worth_what_its_lagged_twin_says(tmp_path: Path, repaired_score: float) -> None:
    with running(tmp_path, **with_features(x='frame["units"]')) as subject:
        leak = finding("leakage/future-feature", "features", column="x", lookahead="26h", rows=156, evidence=[MOVED])
        found = effect(subject, leak)
        # 26 h are those to the target time and the two until it is known. The first 26 rows of a store have nothing to take.
        truth = repaired_score - score(subject)
        assert found.gain == pytest.approx(truth, rel=0.01) and "26h earlier" in found.how
        assert found.low is not None and found.high is not None and 1 < found.low < truth < found.high
        assert effect(subject, leak) == found, "the same again, to the bit"


@pytest.mark.slow
def test_a_feature_that_leaks_and_helps_nobody_is_worth_nothing(tmp_path: Path) -> None:
    scaled = 'np.sin(frame["units"].mean()) * frame["hour"].dt.minute + (frame["lag_48h"] - frame["units"].mean()) / 7'
    parts = with_features(x=scaled)
    parts["features"] = parts["features"].replace("import pandas", "import numpy as np\nimport pandas")
    with running(tmp_path, **parts) as subject:
        leak = finding("leakage/future-feature", "features", column="x", lookahead="552h", rows=1052, evidence=[MOVED])
        found = effect(subject, leak)
        assert found.gain == pytest.approx(0, abs=1e-6) and "carried over" in found.how
        assert found.low is not None and found.high is not None and found.low <= 0 <= found.high


@pytest.mark.slow
def test_leaks_that_hide_behind_each_other_are_each_worth_something(tmp_path: Path) -> None:
    with running(tmp_path, **with_features(x='frame["units"]', z='frame["units"] * 3 + frame["price"]')) as subject:
        given = [
            finding("leakage/future-feature", "features", column=name, lookahead="26h", rows=156, evidence=[MOVED])
            for name in "xz"
        ]
        before = subject.pipeline.runs["features"]
        for done in measured(subject, given):
            assert done.effect is not None and done.effect.low is not None and done.effect.low > 1
        assert subject.pipeline.runs["features"] - before <= 1


@pytest.mark.slow
def test_rows_that_leak_seldom_are_taken_in_proportion(tmp_path: Path) -> None:
    parts = with_features(x=f'{UNITS}.shift(26).where(frame["hour"].dt.day != 20, frame["units"])')
    with running(tmp_path, **parts) as subject:
        leak = finding("leakage/future-feature", "features", column="x", lookahead="26h", rows=48, evidence=[MOVED])
        found = effect(subject, leak)
        assert "in proportion" in found.how
        assert found.low is not None and found.high is not None and found.low <= 0 <= found.high


def test_a_split_without_a_gap_and_one_with_test_rows_in_it(tmp_path: Path) -> None:
    with running(tmp_path / "gap", split=NO_GAP) as subject:
        found = effect(subject, finding("leakage/label-embargo", "split", column="units"))
        check_measured(found, score(subject), HONEST)
        assert "150 of 2,292 training rows" in found.how
    twice = SHOP_SPLIT.replace("yield train, test", "yield np.concatenate([train, test[:40]]), test")
    with running(tmp_path / "twice", split=twice) as subject:
        check_measured(effect(subject, finding("leakage/overlap", "split")), score(subject), HONEST)


@pytest.mark.slow
def test_a_shuffled_split_is_measured_on_the_last_part_of_its_test(tmp_path: Path) -> None:
    shuffled = (
        "import numpy as np\nfrom sklearn.model_selection import KFold\n\n\n"
        "def folds(frame):\n    return list(KFold(3, shuffle=True, random_state=0).split(frame))\n"
    )
    # A model that looks the neighbouring hour up: all that a shuffled split has to give.
    nearest = (
        "import numpy as np\n\n\ndef fit(train):\n    train = train[train['units'].notna()]\n"
        "    return {s: (g['hour'].astype('int64').to_numpy(), g['units'].to_numpy())"
        " for s, g in train.sort_values('hour').groupby('store')}\n\n\n"
        "def predict(model, frame):\n"
        "    at = frame['hour'].astype('int64').to_numpy()\n"
        "    return np.array([np.interp(t, *model[s]) for t, s in zip(at, frame['store'])])\n"
    )
    with running(tmp_path, split=shuffled, model=nearest) as subject:
        found = effect(subject, finding("leakage/time-order", "split", column="hour"))
        assert "last part of the test rows" in found.how
        assert found.low is not None and found.low > 2


@pytest.mark.slow
def test_a_postprocess_that_reads_the_outcome(tmp_path: Path) -> None:
    post = SHOP_MODEL + "\n\ndef post(p, frame):\n    return p + 0.4 * (frame['units'] - p)\n"
    edits = [("metrics  =", 'postprocess = "pipelines.shop.model:post"\nmetrics  =')]
    with running(tmp_path, model=post, edits=edits) as subject:
        found = effect(subject, finding("leakage/predict-sees-label", "postprocess", column="units"))
        check_measured(found, 0.6 * HONEST, HONEST)


@pytest.mark.slow
def test_a_fit_that_reads_what_an_earlier_stage_kept(tmp_path: Path) -> None:
    features = SHOP_FEATURES.replace("import pandas as pd", "import pandas as pd\n\nKEPT = {}").replace(
        "    return frame[frame", "    KEPT['all'] = frame\n    return frame[frame"
    )
    model = SHOP_MODEL.replace("import numpy as np", "import numpy as np\n\nfrom pipelines.shop.features import KEPT")
    needs = model.replace(
        '    train = train[train["units"].notna()]', '    train = KEPT["all"]\n    train = train[train["units"].notna()]'
    )
    with running(tmp_path / "needs", features=features, model=needs) as subject:
        found = effect(subject, finding("leakage/fit-sees-test", "fit", source="module state"))
        assert "as of the first prediction" in found.how and found.gain is not None
    # The outcomes that are known at the fold's first prediction are kept, too, so that the repaired fit is one without the test.
    may = model.replace("    train = train[", '    train = KEPT.get("all", train)\n    train = train[')
    with running(tmp_path / "may", features=features, model=may) as subject:
        check_measured(effect(subject, finding("leakage/fit-sees-test", "fit", source="module state")), score(subject), HONEST)


@pytest.mark.slow
def test_metrics_that_leave_rows_out(tmp_path: Path) -> None:
    best = SHOP_METRICS.replace("np.mean(np.abs(y_true - y_pred))", "np.sort(np.abs(y_true - y_pred))[:-10].mean()")
    with running(tmp_path / "best", metrics=best) as subject:
        found = effect(subject, finding("metric/recomputed", "metrics", column="mae"))
        assert found.honest == pytest.approx(HONEST, rel=1e-5) and found.low == found.high == found.gain
        assert found.claimed == pytest.approx(np.mean([said["mae"] for said in subject.base.scores]))
    gaps = SHOP_MODEL + "\n\ndef post(p, frame):\n    return np.where(frame['price'] > 8, p, np.nan)\n"
    edits = [("metrics  =", 'postprocess = "pipelines.shop.model:post"\nmetrics  =')]
    with running(tmp_path / "gaps", model=gaps, edits=edits) as subject:
        found = effect(subject, finding("metric/dropped-rows", "postprocess"))
        assert found.low is not None and found.low > 1 and "training mean" in found.how


@pytest.mark.slow
def test_a_test_chosen_by_its_outcome_and_one_that_counts_rows_twice(tmp_path: Path) -> None:
    chosen = "test[frame['units'].to_numpy()[test] < frame['units'].quantile(0.9)]"
    with running(tmp_path / "chosen", split=SHOP_SPLIT.replace("yield train, test", f"yield train, {chosen}")) as subject:
        found = effect(subject, finding("leakage/outcome-filter", "split", column="units"))
        assert "left out" in found.how and found.honest is not None and found.claimed == pytest.approx(score(subject))
    twice = SHOP_SPLIT.replace("yield train, test", "yield train, np.r_[test, test[:30]]")
    with running(tmp_path / "twice", split=twice) as subject:
        found = effect(subject, finding("leakage/fold-coverage", "split", column="repeated"))
        assert found.honest == pytest.approx(HONEST, rel=1e-5)


def test_what_cannot_be_measured_says_why_and_is_never_a_zero(tmp_path: Path) -> None:
    with running(tmp_path) as subject:
        assert score(subject) == pytest.approx(HONEST, rel=1e-5)
        given = [
            finding("leakage/reads-outside", "fit", source="a.csv"),
            finding("schema/range", "load", column="units"),
            finding("metric/baseline", "fit", column="mae"),
            finding("leakage/future-feature", "features", rows=3),
            finding("leakage/future-feature", "features", column="size"),
            finding("leakage/duplicates", "split"),
            finding("another/rule", "fit"),
        ]
        before = subject.pipeline.runs.copy()
        for done in measured(subject, given):
            assert done.effect is not None and done.effect.not_measured and done.effect.gain is None, done.rule
            assert "not measured: " in effect_words(done.effect)
        assert subject.pipeline.runs == before
        note = finding("leakage/unknown", "split", severity=Severity.NOTE)
        assert measured(subject, [note]) == [note] and measured(subject, []) == []


@pytest.mark.slow
def test_a_pipeline_that_does_not_run_without_its_leak_says_so(tmp_path: Path) -> None:
    fussy = with_features(x='frame["units"]')
    fussy["model"] = fussy["model"].replace("def fit(train):", "def fit(train):\n    assert train['x'].equals(train['units'])")
    with running(tmp_path, **fussy) as subject:
        found = effect(
            subject, finding("leakage/future-feature", "features", column="x", lookahead="26h", rows=1, evidence=[MOVED])
        )
        assert "AssertionError" in found.not_measured


# The interval --------------------------------------------------------------------------------------------------------------


def _binary(rows: int = 1200) -> tuple[Audit, Compared, np.ndarray]:
    facts = contract(target_time=None, horizon=None, label_known_after="0h").model_dump(by_alias=True, exclude_none=True)
    facts |= {"kind": "binary", "metrics": {"primary": "roc_auc", "direction": "maximize"}}
    facts["sources"] = {"sales": {"static": True}}
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, rows)
    frame = pd.DataFrame({"store": np.arange(rows) // 4, "x": 0.0, "units": truth})
    subject = seen(frame, [(np.arange(10), np.arange(rows))], Contract.model_validate(facts))
    good, bad = (np.clip(0.5 + strength * (truth - 0.5) + 0.3 * rng.normal(size=rows), 0.01, 0.99) for strength in (0.5, 0.2))
    return subject, Compared.of([(np.arange(rows), good, bad)]), truth


def test_a_score_that_is_higher_when_better_and_rows_of_one_entity_drawn_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interval, "DEAR_DRAWS", 60)
    subject, compared, truth = _binary()
    found = effect_of(subject, compared, "tried")
    assert found.claimed == pytest.approx(roc_auc_score(truth, compared.claimed))
    assert found.honest == pytest.approx(roc_auc_score(truth, compared.honest))
    assert found.gain is not None and found.low is not None and found.high is not None
    assert 0 < found.low < found.gain < found.high and "entities" in found.how


def test_sums_and_drawn_rows_give_the_same_bounds() -> None:
    rng = np.random.default_rng(1)
    errors = rng.gamma(2, 1, 600)
    units = Units.numbered(np.repeat(np.arange(300), 2), ordered=True, noun="times")
    sums = np.stack([errors, np.ones(600)], axis=1)
    by_sums = interval.percentiles(errors.mean(), interval.summed(lambda s: s[:, 0] / s[:, 1], sums, units, 5), units, 5)
    by_rows = interval.percentiles(
        errors.mean(), interval.drawn_rows(lambda chosen: float(errors[chosen].mean()), units, 5), units, 5
    )
    left_out = interval.left_out(lambda chosen: float(errors[chosen].mean()), float(errors.mean()), units)
    assert by_rows == pytest.approx(by_sums, rel=0.03) and left_out == pytest.approx(by_sums, rel=0.05)


def test_too_little_for_an_interval_is_said() -> None:
    frame = shop_frame(stores=1)
    test = np.flatnonzero(frame["hour"] >= HOURS[-5])
    subject = seen(frame, [(np.arange(100), test)])
    made = frame["units"].to_numpy()[test]
    with pytest.raises(NotExercised, match="fewer than"):
        effect_of(subject, Compared.of([(test, made, made + 1)]), "tried")
    with pytest.raises(NotExercised, match="fewer than"):
        standard_error(subject)


def _autocorrelated(rng: np.random.Generator, length: int, phi: float) -> np.ndarray:
    made = np.zeros(length + 60)
    for i, shock in enumerate(rng.normal(size=length + 60)):
        made[i] = phi * made[i - 1] + shock
    return made[60:]


@pytest.mark.slow
@pytest.mark.parametrize(("phi", "length", "least"), [(0.0, 100, 0.91), (0.6, 300, 0.89), (0.8, 600, 0.89)])
def test_the_interval_covers_what_it_promises(phi: float, length: int, least: float) -> None:
    """Differences with a true mean of 1 and neighbours that resemble each other: 95 % promised."""
    rng = np.random.default_rng(17)
    covered, tries = 0, 300
    for _ in range(tries):
        differences = _autocorrelated(rng, length, phi) + 1.0
        units = Units(np.arange(length), length, True, "times")
        size = interval.length_for(units, differences)
        sums = np.stack([differences, np.ones(length)], axis=1)
        draws = interval.summed(lambda s: s[:, 0] / s[:, 1], sums, units, size)
        low, high = interval.percentiles(float(differences.mean()), draws, units, size)
        covered += low <= 1.0 <= high
    assert least <= covered / tries <= 0.99


# Carrying over, ranking, words ---------------------------------------------------------------------------------------------


def test_a_scale_a_rank_a_fill_and_an_encoding_are_carried_over_and_a_future_value_is_not() -> None:
    rng = np.random.default_rng(3)
    raw = rng.gamma(2, 2, 500)
    rows, newest = np.arange(300), np.arange(300) >= 250
    frame = pd.Series(raw)
    gaps = frame.where(rng.random(500) > 0.1)
    kinds, means, later = rng.integers(0, 5, 500), np.array([1.0, 3.0, 2.0, 5.0, 4.0]), np.array([1.1, 2.8, 2.3, 5.1, 4.0])
    pairs = {
        "scale": ((frame - frame.mean()) / frame.std(), (frame - 3) / 2.5),
        "rank": (frame.rank(pct=True), frame[:300].rank(pct=True).reindex(range(500))),
        "fill": (gaps.fillna(gaps.mean()), gaps.fillna(gaps[:300].mean())),
        "encoding": (pd.Series(means[kinds]), pd.Series(later[kinds])),
    }
    for name, (leaking, honest) in pairs.items():
        made = carried(leaking, rows, honest[:300], newest)
        assert made is not None, name
        assert np.allclose(made[:300], honest[:300], atol=0.02), name
    future = frame.shift(-1)
    assert carried(future, rows, future[:300].where(~newest, 4.0 + 0.1 * frame), newest) is None


def test_findings_are_ranked_by_what_they_are_worth() -> None:
    def worth(gain: float | None, rows: int) -> Finding:
        if gain is None:
            return embargo(rows).model_copy(update={"effect": Effect(not_measured="no time")})
        numbers = {"claimed": 2.0, "honest": 2.0 + gain, "gain": gain, "low": gain - 0.1, "high": gain + 0.1}
        return embargo(rows).model_copy(update={"effect": Effect(metric="mae", how="tried.", **numbers)})

    given = [worth(-0.2, 1), worth(None, 2), worth(0.1, 3), worth(1.5, 4), embargo(5)]
    assert [f.rows for f in ranked(given)] == [4, 3, 5, 2, 1]
    ranks = [priority(f) for f in ranked(given)]
    assert ranks == sorted(ranks, reverse=True) and all(50 <= rank <= 100 for rank in ranks)
    warned = worth(2.0, 6).model_copy(update={"severity": Severity.WARNING})
    assert ranked([warned, *given])[-1] == warned and priority(warned) < 50
    assert "looks 1.5 better than it is (95 %: 1.4 to 1.6)" in effect_words(ranked(given)[0].effect)
    assert "within chance" in effect_words(worth(0.05, 1).effect)


def test_an_effect_has_numbers_or_a_reason() -> None:
    with pytest.raises(ValueError, match="either"):
        Effect()
    with pytest.raises(ValueError, match="either"):
        Effect(not_measured="why", gain=0.0)
    with pytest.raises(ValueError, match="all of its numbers"):
        Effect(metric="mae", gain=0.5)
    before = embargo().model_copy(update={"effect": Effect(not_measured="why")})
    assert before.fingerprint == embargo().fingerprint
    assert Finding.model_validate(before.model_dump(mode="json")) == before
