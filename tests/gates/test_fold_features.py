"""Features of a use case without a time: what they may know of other rows and of labels. Really run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gates.loans import CODE, CONTRACT
from tests.gates.subjects import found, running
from workbench.gates.leakage import fold_features, time_order
from workbench.gates.rule import NotApplicable


@pytest.mark.parametrize(
    ("feature", "caught"),
    [
        ('frame["log"] = np.log(frame["income"])', set()),
        ('frame["scaled"] = frame["income"] / frame["income"].mean()', {("scaled", "test rows")}),
        (
            'frame["rate"] = frame["region"].map(frame.groupby("region")["default"].mean())',
            {("rate", "test rows"), ("rate", "default")},
        ),
        ('frame["code"] = frame["default"] * 7 + 1', {("code", "default")}),
    ],
)
def test_features_without_a_time(tmp_path: Path, feature: str, caught: set[tuple[str, str]]) -> None:
    files = {"pipelines/shop/loans.py": CODE.replace("FEATURE", feature)}
    with running(tmp_path, contract=CONTRACT, files=files) as subject:
        assert {(f.column, f.source) for f in found(fold_features.rule, subject)} == caught
        with pytest.raises(NotApplicable):
            found(time_order.rule, subject)


@pytest.mark.parametrize(
    ("feature", "caught"),
    [
        ('frame = frame[frame["income"] < frame["income"].quantile(0.97)].reset_index(drop=True)', {(None, "test rows")}),
        ('frame = frame[(frame["income"] - frame["income"].mean()).abs() < 2 * frame["income"].std()]', {(None, "test rows")}),
        ('frame = frame[frame["income"] < 60000]', set()),
        ('frame = frame[frame["default"].notna()]', set()),
        ('frame = frame.drop_duplicates(["income", "region"])', set()),
        ('frame = frame[(frame["default"] == 0) | (frame["income"] > 20000)]', {(None, "default")}),
    ],
)
def test_rows_left_out(tmp_path: Path, feature: str, caught: set[tuple[str | None, str]]) -> None:
    """Trimming at quantiles of all rows loses other training rows when test rows change; a constant limit doesn't."""
    code = CODE.replace("FEATURE", feature).replace(
        "    yield np.arange(120), np.arange(120, 200)",
        ("    n = int(0.6 * len(frame))\n    yield np.arange(n), np.arange(n, len(frame))"),
    )
    with running(tmp_path, contract=CONTRACT, files={"pipelines/shop/loans.py": code}) as subject:
        assert {(f.column, f.source) for f in found(fold_features.rule, subject)} == caught


@pytest.mark.parametrize(("mean", "caught"), [("frame", {"relative"}), ("frame.assign(income=30000)", set())])
def test_rows_whose_entity_the_features_make(tmp_path: Path, mean: str, caught: set[str]) -> None:
    """Two rows a loan under a name that no table has: the loans' own key ties them to their table."""
    feature = (
        f'frame["relative"] = frame["income"] / {mean}["income"].mean()\n'
        '    frame = pd.concat([frame.assign(part=frame["loan"] * 2 + k) for k in (0, 1)]).sort_values("part", ignore_index=True)'
    )
    contract = CONTRACT.replace('entity = ["loan"]', 'entity = ["part"]\ngroups = ["loan"]')
    code = CODE.replace("FEATURE", feature).replace("np.arange(120), np.arange(120, 200)", "np.arange(240), np.arange(240, 400)")
    with running(tmp_path, contract=contract, files={"pipelines/shop/loans.py": code}) as subject:
        assert {f.column for f in found(fold_features.rule, subject)} == caught


@pytest.mark.parametrize(("read", "caught"), [("told", {"told"}), ("income", set())])
def test_a_column_that_is_no_feature_counts_where_the_model_reads_it(tmp_path: Path, read: str, caught: set[str]) -> None:
    contract = CONTRACT.replace('target = "default"', 'target = "default"\nfeatures = ["income"]')
    code = CODE.replace("FEATURE", 'frame["told"] = 1.0 - frame["default"]').replace(
        "return np.full(len(frame), model)", f'return np.full(len(frame), model) + 0.1 * frame["{read}"].to_numpy()'
    )
    with running(tmp_path, contract=contract, files={"pipelines/shop/loans.py": code}) as subject:
        assert {f.column for f in found(fold_features.rule, subject)} == caught
