"""Tests of the `upgrade` skill: tracebacks, places, honesty. What each library took away is in the test of its catalogue."""

from pathlib import Path

import pytest

from skills.upgrade.catalogue import removals
from skills.upgrade.skill import Input, Output, repair, run
from workbench.skills.source import Module
from workbench.testing import make_workspace, skill_context

TRACEBACK = """Traceback (most recent call last):
  File "{root}/host.py", line 3, in call
    return function(*arguments)
  File "{root}/pipelines/shop/model.py", line {line}, in fit
    return lgb.train(PARAMETERS, data, verbose_eval=False)
TypeError: train() got an unexpected keyword argument 'verbose_eval'
"""
MODEL = '''\
"""Ein Modell für Größen: äöü."""
import lightgbm as lgb

PARAMETERS = {"verbosity": -1}


def fit(train):
    data = lgb.Dataset(train[["größe"]], train["y"])
    return lgb.train(PARAMETERS, data, num_boost_round=30, verbose_eval=False)  # leise
'''


def write(root: Path, text: str, path: str = "pipelines/shop/model.py", newline: str = "\n") -> str:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.replace("\n", newline).encode())
    return path


def test_a_traceback_from_another_checkout_still_finds_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, MODEL)
    output = repair(tmp_path, "", TRACEBACK.format(root="/elsewhere/trees/4f2a", line=9))
    assert output.ok and output.removal == "lightgbm-engine-keywords"
    assert output.edits == {path: MODEL.replace(", verbose_eval=False", "")}


def test_the_sentence_of_the_runner_is_enough_without_a_traceback(tmp_path: Path) -> None:
    write(tmp_path, MODEL)
    said = "Stage `fit` failed: TypeError: train() got an unexpected keyword argument 'verbose_eval' (pipelines/shop/model.py:9)."
    assert repair(tmp_path, said, "").ok


def test_line_ends_and_byte_order_mark_stay_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + MODEL, newline="\r\n")
    text = repair(tmp_path, "", TRACEBACK.format(root=tmp_path, line=9)).edits[path]
    assert text == ("\ufeff" + MODEL).replace(", verbose_eval=False", "").replace("\n", "\r\n")


def test_the_cause_is_found_further_up_where_options_come_from(tmp_path: Path) -> None:
    inner = "import lightgbm as lgb\n\n\ndef train(data, **options):\n    return lgb.train({}, data, **options)\n"
    outer = "from pipelines.shop.training import train\n\n\ndef fit(data):\n    return train(data, early_stopping_rounds=10)\n"
    write(tmp_path, inner, "pipelines/shop/training.py")
    path = write(tmp_path, outer)
    detail = (
        f'Traceback (most recent call last):\n  File "{tmp_path}/pipelines/shop/model.py", line 5, in fit\n'
        f'  File "{tmp_path}/pipelines/shop/training.py", line 5, in train\n'
        "TypeError: train() got an unexpected keyword argument 'early_stopping_rounds'\n"
    )
    output = repair(tmp_path, "", detail)
    assert output.edits[path] == outer.replace("early_stopping_rounds=10", "callbacks=[early_stopping(10)]").replace(
        "from pipelines", "from lightgbm import early_stopping\nfrom pipelines", 1
    )


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ("Traceback (most recent call last):\nKeyError: 'store'\n", "no removal that the catalogue knows"),
        ("Traceback (most recent call last):\nTypeError: train() got an unexpected keyword argument 'verbose_eval'\n", "no file"),
        ("TypeError: fit() got an unexpected keyword argument 'speed'", "no removal that the catalogue knows"),
        ("", "no removal that the catalogue knows"),
    ],
)
def test_what_it_does_not_know_it_leaves_alone(detail: str, reason: str, tmp_path: Path) -> None:
    write(tmp_path, MODEL)
    output = repair(tmp_path, "", detail)
    assert (output.ok, output.edits) == (False, {}) and reason in output.reason


def test_a_file_that_can_not_be_parsed_is_no_crash(tmp_path: Path) -> None:
    write(tmp_path, "def fit(:\n")
    output = repair(tmp_path, "", TRACEBACK.format(root=tmp_path, line=1))
    assert not output.ok and "can parse" in output.reason


def test_an_own_function_of_the_same_name_is_not_touched(tmp_path: Path) -> None:
    text = MODEL + "\n\ndef other(model, x):\n    return model.train(x, verbose_eval=True)\n"
    path = write(tmp_path, text)
    output = repair(tmp_path, "", TRACEBACK.format(root=tmp_path, line=9))
    assert output.edits[path] == text.replace(", verbose_eval=False", "")


def test_what_would_fail_next_in_the_same_file_is_repaired_with_it(tmp_path: Path) -> None:
    text = MODEL.replace("import lightgbm", "import numpy as np\nimport lightgbm").replace(
        'train["y"])', 'train["y"].astype(np.float))'
    )
    path = write(tmp_path, text)
    output = repair(tmp_path, "", TRACEBACK.format(root=tmp_path, line=10))
    assert output.edits[path] == text.replace(", verbose_eval=False", "").replace("np.float", "float")
    assert len(output.replaced) == 2


def test_a_real_pipeline_builds_again(tmp_path: Path) -> None:
    from workbench.errors import PipelineError
    from workbench.pipeline.contract import load_contract
    from workbench.pipeline.runner import Pipeline
    from workbench.settings import Settings

    change = ("num_boost_round=30", "num_boost_round=30, verbose_eval=False")
    root = make_workspace(tmp_path, {"pipelines/visits/model.py": change})

    def build() -> PipelineError | None:
        with Pipeline(Settings(root=root), load_contract(root, "visits")) as pipeline:
            try:
                pipeline.run(pipeline.load(), until="predict")
            except PipelineError as error:
                return error
        return None

    error = build()
    assert error is not None
    output: Output = run(skill_context(root), Input(message=error.message, detail=error.detail))
    assert output.ok
    for path, text in output.edits.items():
        assert text is not None
        (root / path).write_text(text)
    assert build() is None


def test_the_catalogue_is_well_formed() -> None:
    names = [entry.name for entry in removals()]
    assert len(names) == len(set(names)) and len(names) > 150
    for entry in removals():
        assert not entry.matches("ZeroDivisionError: division by zero"), entry.name
    # No entry finds anything in code that uses nothing of it.
    module = Module("import lightgbm, numpy, pandas, sklearn, scipy\n\n\ndef fit(frame):\n    return frame.mean()\n")
    from skills.upgrade.removal import Site
    from workbench.skills.source import Edits

    assert not [e.name for e in removals() if e.everywhere and list(e.cure(Site(module, Edits(), [], None)))]
