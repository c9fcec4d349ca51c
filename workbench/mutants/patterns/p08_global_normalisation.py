"""Pattern 8: global normalisation."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant, pair

pattern = Pattern(
    number=8,
    title="Global normalisation",
    taxonomy="L1.2, L3.1",
    why=(
        "mean and deviation of all rows are those of the future, too; those of a period before the first row, or "
        "up to the row, aren't"
    ),
    plants={
        "shop": pair(
            "extra",
            """\
reference = frame["units"]<?>
frame["scaled"] = (frame["lag_9"] - reference.mean()) / reference.std()
""",
            leak="",
            twin='[frame["date"] < frame["date"].min() + pd.Timedelta("24d")]',
        ),
        "power": (
            Plant(
                {
                    "meter": """\
old = self.back(48)
made["scaled"] = (old - np.nanmean(old)) / np.nanstd(old)
"""
                }
            ),
            Plant(
                {
                    "meter": """\
old = pd.Series(self.back(48))
so_far = old.expanding(min_periods=24)
made["scaled"] = ((old - so_far.mean()) / so_far.std()).to_numpy()
"""
                }
            ),
        ),
        "rides": (
            Plant(
                {
                    "columns": """\
old = left.shift(16)
columns["scaled"] = (old - left.mean()) / left.std()
"""
                }
            ),
            Plant(
                {
                    "columns": """\
old = left.shift(16)
columns["scaled"] = (old - left.iloc[:56].mean()) / left.iloc[:56].std()
"""
                }
            ),
        ),
    },
    expects={
        "shop": ahead("scaled", "sales.units"),
        "power": ahead("scaled", "readings.load"),
        "rides": ahead("scaled", "trips.left"),
    },
)
