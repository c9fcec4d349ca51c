"""Source tables that a stage takes from a module's global rather than from its arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.test_host import with_features
from tests.workspaces import SHOP_DATA

AT_IMPORT = (
    SHOP_DATA.replace("def load():", "def raw():")
    + """

SALES = raw()["sales"]


def load():
    return raw()
"""
)
CALENDAR = """
import pandas as pd

DAYS = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=2000, freq="D")})
DAYS["weekend"] = DAYS["day"].dt.dayofweek > 4
"""


@pytest.mark.parametrize(
    "body",
    [
        "from pipelines.shop.data import SALES\nSALES.head()",
        "from pipelines.shop import data\ndata.SALES.head()",
        "from pipelines.shop import copied\ncopied.SALES.head()",
    ],
)
def test_a_table_that_was_made_when_its_module_was_imported_is_a_source_by_its_content(tmp_path: Path, body: str) -> None:
    files = {"pipelines/shop/copied.py": "from pipelines.shop import data\nSALES = data.raw()['sales']\n"}
    with with_features(tmp_path, body, data=AT_IMPORT, files=files) as one:  # type: ignore[arg-type]
        opened = one.run(one.load(), until="features").opened
    # A module that is imported by the call itself calls what `load` is made of.
    wanted = "features: call: raw" if "copied" in body else "import: call: SALES"
    assert [line for line in opened if line.startswith(wanted)], opened


def test_a_table_of_constants_is_none(tmp_path: Path) -> None:
    body = "from pipelines.shop.calendar import DAYS\nlen(DAYS)"
    with with_features(tmp_path, body, data=AT_IMPORT, files={"pipelines/shop/calendar.py": CALENDAR}) as one:  # type: ignore[arg-type]
        opened = one.run(one.load(), until="features").opened
    assert not [line for line in opened if ": call: " in line]


LEFT = (
    SHOP_DATA.replace("def load():", "KEPT = {}\n\n\ndef raw():")
    + """

def load():
    KEPT["sales"] = raw()["sales"]
    return raw()
"""
)


def test_what_load_leaves_in_a_global_is_noted_where_another_stage_would_find_it_also_from_the_cache(tmp_path: Path) -> None:
    body = "from pipelines.shop.data import KEPT\nKEPT.get('sales')"
    for _ in range(2):
        with with_features(tmp_path, body, data=LEFT) as one:  # type: ignore[arg-type]
            assert any(line.startswith("import: call: KEPT") for line in one.run(one.load(), until="features", reuse=True).opened)
    with with_features(tmp_path, "pass", data=LEFT) as one:  # type: ignore[arg-type]
        assert not [line for line in one.run(one.load(), until="features").opened if ": call: " in line]
