"""Rules that fit again in changed worlds: each leak next to an honest pipeline that looks alike, really run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gates.subjects import TOLD_MODEL, errors, found, running
from tests.workspaces import SHOP_FEATURES, SHOP_MODEL
from workbench.gates.facts import Audit
from workbench.gates.leakage import (
    batch_prediction,
    fit_sees_test,
    late_label,
    outcome_filter,
    predict_sees_label,
    reads_outside,
    unstable_fit,
    unstable_split,
)
from workbench.gates.metric import permuted_labels
from workbench.gates.rule import NotExercised

FIT_RULES = (fit_sees_test, predict_sees_label, batch_prediction, reads_outside, unstable_fit)
POST = (
    'metrics  = "pipelines.shop.metrics:score"',
    'metrics  = "pipelines.shop.metrics:score"\npostprocess = "pipelines.shop.model:post"',
)


def _caught(subject: Audit) -> list[str]:
    return sorted({f.rule for module in FIT_RULES for f in found(module.rule, subject)})


def test_an_honest_pipeline_passes_every_rule(tmp_path: Path) -> None:
    post = SHOP_MODEL + "\n\ndef post(predictions, frame):\n    return np.clip(predictions, 0, None)\n"
    with running(tmp_path, model=post, edits=[POST]) as subject:
        assert _caught(subject) == []
        for module in (unstable_split, outcome_filter, late_label, permuted_labels):
            assert found(module.rule, subject) == []


def test_a_fit_that_uses_a_frame_left_behind_by_an_earlier_stage(tmp_path: Path) -> None:
    features = SHOP_FEATURES.replace("import pandas as pd", "import pandas as pd\n\nLEFT = {}").replace(
        'return frame[frame["hour"]', 'LEFT["all"] = frame\n    return frame[frame["hour"]'
    )
    model = SHOP_MODEL.replace("import numpy as np", "import numpy as np\n\nfrom pipelines.shop import features").replace(
        'return {"coefficients": coefficients}',
        'return {"coefficients": coefficients * features.LEFT["all"]["units"].mean() / train["units"].mean()}',
    )
    with running(tmp_path, features=features, model=model) as subject:
        (finding,) = errors(fit_sees_test.rule, subject)
        assert finding.source == "module state" and finding.stage == "fit"
        assert finding.location is not None and finding.location.path == "pipelines/shop/model.py"


SPLIT_THAT_KEEPS_THE_FRAME = """
KEPT = {}


def folds(frame):
    KEPT["all"] = frame
    yield from _folds(frame)
"""


@pytest.mark.parametrize("expression", ["seen['price'].mean()", "seen['units'].mean()", "(seen['units'] * seen['price']).mean()"])
def test_a_fit_moved_by_rows_that_the_split_left_behind(tmp_path: Path, expression: str) -> None:
    from tests.workspaces import SHOP_SPLIT

    # The refitted worlds give the folds, so the split does not run there: the leak shows as state that is missing.
    split = SHOP_SPLIT.replace("def folds", "def _folds") + SPLIT_THAT_KEEPS_THE_FRAME
    model = SHOP_MODEL.replace("import numpy as np", "import numpy as np\n\nfrom pipelines.shop import split").replace(
        'return {"coefficients": coefficients}',
        f'seen = split.KEPT["all"]\n    return {{"coefficients": coefficients + 0.01 * {expression}}}',
    )
    with running(tmp_path, split=split, model=model) as subject:
        assert [f.stage for f in errors(fit_sees_test.rule, subject)] == ["fit"]


@pytest.mark.parametrize("noise", ["0.0", pytest.param("1e-3 * np.random.normal()", marks=pytest.mark.slow)])
def test_a_fit_that_finds_the_test_in_memory(tmp_path: Path, noise: str) -> None:
    """No global, no argument: it looks through the interpreter for the largest frame."""
    model = (
        SHOP_MODEL.replace("import numpy as np", "import gc\n\nimport numpy as np\nimport pandas as pd")
        .replace(
            'return {"coefficients": coefficients}',
            'frames = [o for o in gc.get_objects() if type(o) is pd.DataFrame and "units" in o and "lag_48h" in o]\n'
            "    largest = max(frames, key=len)\n"
            '    shift = float(largest["units"].mean() - train["units"].mean())\n'
            f'    return {{"coefficients": coefficients, "shift": shift + {noise}}}',
        )
        .replace('@ model["coefficients"]', '@ model["coefficients"] + model["shift"]')
    )
    with running(tmp_path, model=model) as subject:
        (finding,) = errors(fit_sees_test.rule, subject)
        assert finding.stage == "fit"
        assert "test" in str(finding.source)


def test_a_correction_fitted_to_the_test_labels(tmp_path: Path) -> None:
    post = SHOP_MODEL + '\n\ndef post(predictions, frame):\n    return predictions + (frame["units"] - predictions).mean()\n'
    with running(tmp_path, model=post, edits=[POST]) as subject:
        (finding,) = errors(predict_sees_label.rule, subject)
        assert finding.stage == "postprocess" and finding.column == "units"
        assert found(fit_sees_test.rule, subject) == []


def test_limits_taken_from_the_batch(tmp_path: Path) -> None:
    post = SHOP_MODEL + "\n\ndef post(predictions, frame):\n    return np.minimum(predictions, np.quantile(predictions, 0.9))\n"
    with running(tmp_path, model=post, edits=[POST]) as subject:
        (finding,) = errors(batch_prediction.rule, subject)
        assert finding.stage == "postprocess"
        assert found(predict_sees_label.rule, subject) == []


def test_predict_that_scales_by_its_batch(tmp_path: Path) -> None:
    model = SHOP_MODEL.replace(
        'return design(frame) @ model["coefficients"]', 'p = design(frame) @ model["coefficients"]\n    return p - p.mean() + 20'
    )
    with running(tmp_path, model=model) as subject:
        assert [f.stage for f in errors(batch_prediction.rule, subject)] == ["predict"]


def test_a_random_model_is_a_warning_and_compared_within_its_noise(tmp_path: Path) -> None:
    little = SHOP_MODEL.replace(
        'return {"coefficients": coefficients}', 'return {"coefficients": coefficients + 1e-4 * np.random.normal()}'
    )
    with running(tmp_path / "little", model=little) as subject:
        assert [f.severity for f in found(unstable_fit.rule, subject)] == ["warning"]
        assert found(fit_sees_test.rule, subject) == []
    much = little.replace("1e-4", "1.0")
    with running(tmp_path / "much", model=much) as subject, pytest.raises(NotExercised):
        found(fit_sees_test.rule, subject)


def test_files_read_past_the_arguments(tmp_path: Path) -> None:
    model = SHOP_MODEL.replace(
        "def fit(train):",
        'def fit(train):\n    open("pipelines/shop/labels.csv").read()\n    open("pipelines/shop/knobs.toml").read()',
    )
    files = {"pipelines/shop/labels.csv": "units\n1\n", "pipelines/shop/knobs.toml": "depth = 3\n"}
    with running(tmp_path, model=model, files=files) as subject:
        seen = {f.severity.value: f for f in found(reads_outside.rule, subject)}
        assert seen["error"].source == "pipelines/shop/labels.csv" and seen["error"].stage == "fit"
        assert seen["warning"].source == "pipelines/shop/knobs.toml"


def test_folds_that_change(tmp_path: Path) -> None:
    split = "import numpy as np\n\ndef folds(frame):\n    o = np.random.permutation(len(frame))\n    yield o[:800], o[800:]\n"
    with running(tmp_path, split=split) as subject:
        assert len(errors(unstable_split.rule, subject)) == 1


def test_a_test_set_without_the_difficult_rows(tmp_path: Path) -> None:
    from tests.workspaces import SHOP_SPLIT

    easy = SHOP_SPLIT.replace(
        "        yield train, test\n",
        '        test = test[frame["units"].to_numpy()[test] < frame["units"].quantile(0.9)]\n        yield train, test\n',
    )
    with running(tmp_path / "easy", split=easy) as subject:
        (finding,) = errors(outcome_filter.rule, subject)
        assert finding.column == "units"
    sound = SHOP_SPLIT.replace(
        "        yield train, test\n",
        '        train = train[frame["units"].to_numpy()[train] < frame["units"].quantile(0.9)]\n        yield train, test\n',
    )
    with running(tmp_path / "sound", split=sound) as subject:
        assert found(outcome_filter.rule, subject) == []


def test_a_label_that_is_complete_later_than_declared(tmp_path: Path) -> None:
    """The label is the mean of its day, declared as known two hours after its hour."""
    features = SHOP_FEATURES.replace(
        '    frame["hour_of_day"]',
        '    day = frame["hour"].dt.floor("D")\n'
        '    frame["units"] = frame.groupby(["store", day])["units"].transform("mean")\n    frame["hour_of_day"]',
    )
    with running(tmp_path, features=features) as subject:
        (finding,) = errors(late_label.rule, subject)
        assert finding.column == "units" and finding.rows


def test_answers_that_come_in_past_the_labels(tmp_path: Path) -> None:
    with running(tmp_path, model=TOLD_MODEL) as subject:
        (finding,) = found(permuted_labels.rule, subject)
        assert finding.severity == "error" and finding.stage == "predict"


def test_a_forecast_that_is_not_learnt_is_a_warning(tmp_path: Path) -> None:
    naive = SHOP_MODEL.replace('return design(frame) @ model["coefficients"]', 'return frame["lag_48h"].fillna(20.0).to_numpy()')
    with running(tmp_path, model=naive) as subject:
        assert [f.severity for f in found(permuted_labels.rule, subject)] == ["warning"]
