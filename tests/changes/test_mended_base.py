"""A base that fails in a stage, which is what a repair is for: compared as far as it runs, and never taken for cleared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.changes.running import P, Running, seen, stands, swapped
from tests.workspaces import SHOP_DATA, SHOP_FEATURES, SHOP_MODEL, SHOP_SPLIT
from workbench.changes import classify, measure

BROKEN_MODEL = swapped(SHOP_MODEL, ("return design(frame) @", "return nothing @"))
OTHER_SPLIT = swapped(SHOP_SPLIT, ('pd.Timedelta("24h")', 'pd.Timedelta("0h")'))
FILE_DATA = swapped(
    SHOP_DATA,
    ("import numpy as np\n", "from pathlib import Path\n\nimport numpy as np\n"),
    ('"sales": keys.assign(units=units.round(3)),', '"sales": keys.assign(**{SOLD: units.round(3)}),'),
    ("\n\ndef load", '\nSOLD = Path("upstream/sold.txt").read_text().strip()\n\n\ndef load'),
)
"""What the units sold are called is up to a file that upstream writes."""
MENDED_DATA = swapped(
    FILE_DATA,
    ("    return {\n", "    made = {\n"),
    (
        '"stores": stores,\n    }\n',
        '"stores": stores,\n    }\n    made["sales"] = made["sales"].rename(columns={"sold": "units"})\n    return made\n',
    ),
)  # fmt: skip


@pytest.mark.slow
def test_what_comes_before_the_failing_stage_is_compared(tmp_path: Path) -> None:
    running = Running(tmp_path, model=BROKEN_MODEL)
    found = running.judged({P + "model.py": SHOP_MODEL})
    assert not seen(found) and stands(found) == {"model"}, "the repair of the model is what it says, and isn't cleared"
    smuggled = running.judged({P + "model.py": SHOP_MODEL, P + "split.py": OTHER_SPLIT})
    assert set(seen(smuggled)) == {"split"} and "48 rows come in" in seen(smuggled)["split"]


@pytest.mark.slow
def test_a_result_that_fails_as_well_is_unknown(tmp_path: Path) -> None:
    running = Running(tmp_path, model=BROKEN_MODEL)
    found = running.judged({P + "model.py": BROKEN_MODEL.replace("nothing", "nobody")})
    assert set(seen(found)) == {"unknown"} and "could not be measured" in seen(found)["unknown"]


@pytest.mark.slow
def test_a_base_that_runs_again_and_nothing_says_why_is_unknown(tmp_path: Path) -> None:
    broken = swapped(SHOP_MODEL, ("import numpy as np\n", "from pathlib import Path\n\nimport numpy as np\n"),
                     ("return design(frame) @", 'Path("words.md").read_text()\n    return design(frame) @'))  # fmt: skip
    running = Running(tmp_path, model=broken)
    change = running.change({"words.md": "here\n", P + "metrics.py": "# a note\n" + (tmp_path / P / "metrics.py").read_text()})
    found = classify(running.repo, change)
    silent = found.model_copy(update={"risks": []})
    measured = measure(running.settings, running.repo, change, silent)
    assert [risk.kind.value for risk in measured.risks] == ["unknown"] and "nothing that was read" in measured.risks[0].reason


@pytest.mark.slow
def test_where_upstream_changed_the_tables_of_the_last_good_run_are_compared_on(tmp_path: Path) -> None:
    running = Running(
        tmp_path,
        data=FILE_DATA,
        files={"upstream/sold.txt": "units\n", ".gitignore": "upstream/\n.workbench/\n"},
        settings='data = ["upstream"]\n',
    )
    assert not seen(running.judged({P + "notes.py": "x = 1\n"})), "a run that comes to its end: its tables are kept"
    (tmp_path / "upstream/sold.txt").write_text("sold\n")
    repaired = running.judged({P + "data.py": MENDED_DATA})
    assert any("the base fails in `features`" in text for text in running.said), running.said
    assert "split" not in seen(repaired) and "feature" not in seen(repaired) and "unknown" not in seen(repaired), seen(repaired)
    features = swapped(SHOP_FEATURES, ("shift(26)", "shift(1)"))
    smuggled = running.judged({P + "data.py": MENDED_DATA, P + "features.py": features})
    assert "feature" in seen(smuggled) and "`mean_23h` has other values" in seen(smuggled)["feature"]


@pytest.mark.slow
def test_what_was_measured_is_taken_again_for_the_same_trees_and_tables_alone(tmp_path: Path) -> None:
    running = Running(tmp_path)
    change = running.change({P + "split.py": OTHER_SPLIT})
    found = classify(running.repo, change)
    said: list[str] = []
    first = measure(running.settings, running.repo, change, found, tables="t1", progress=said.append)
    ran, again = len(said), measure(running.settings, running.repo, change, found, tables="t1", progress=said.append)
    assert again == first and ran and len(said) == ran
    measure(running.settings, running.repo, change, found, tables="t2", progress=said.append)
    assert len(said) > ran
    late = measure(running.settings, running.repo, change, found, tables="t3", timeout=0)
    assert not late.complete and measure(running.settings, running.repo, change, found, tables="t3").complete
