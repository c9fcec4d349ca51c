"""Pattern 15: target encoding on all rows."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=15,
    title="Target encoding on all rows",
    taxonomy="L1.2, L2",
    why="the mean outcome of a category over all rows holds each row's own outcome and later ones",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
weekday = frame["date"].dt.dayofweek
means = frame.groupby(["store", weekday.rename("weekday")])["units"].mean().rename("encoded")
frame["weekday"] = weekday
frame = frame.merge(means.reset_index(), on=["store", "weekday"], how="left").drop(columns="weekday")
"""
                }
            ),
            Plant(
                {
                    "extra": """\
weekday = frame["date"].dt.dayofweek
earlier = frame.groupby(["store", weekday])["units"]
frame["encoded"] = earlier.transform(lambda s: s.shift(2).expanding().mean())
"""
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "part": """\
clock = local.hour
means = {hour: np.nanmean(part["load"][clock == hour]) for hour in range(24)}
part["encoded"] = [means[hour] for hour in clock]
"""
                }
            ),
            Plant(
                {
                    "part": """\
clock = local.hour
sums, counts, encoded = np.zeros(24), np.zeros(24), []
known = part["load"].shift(27).to_numpy()
for at, hour in enumerate(clock):
    if at >= 27 and np.isfinite(known[at]):
        sums[clock[at - 27]] += known[at]
        counts[clock[at - 27]] += 1
    encoded.append(sums[hour] / counts[hour] if counts[hour] else np.nan)
part["encoded"] = encoded
"""
                }
            ),
        ),
        "rides": (
            Plant({"extra": 'frame["rate"] = frame.groupby([*KEY, frame["slot"].dt.hour])["short"].transform("mean")'}),
            Plant(
                {
                    "extra": """\
earlier = frame.groupby([*KEY, frame["slot"].dt.hour])["short"]
frame["rate"] = earlier.transform(lambda s: s.shift(2).expanding().mean())
"""
                }
            ),
        ),
    },
    expects={
        "shop": ahead("encoded", "sales.units"),
        "power": ahead("encoded", "readings.load"),
        "rides": ahead("rate", "trips.short"),
    },
)
