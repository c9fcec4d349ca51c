"""Pattern 3: forward window by reversal."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=3,
    title="Forward window by reversal",
    taxonomy="L3.1",
    why="a rolling sum of the reversed series looks ahead; over values that are old enough it doesn't",
    plants={
        "shop": (
            Plant({"extra": 'frame["week"] = units.transform(lambda s: s[::-1].rolling(7).sum()[::-1])'}),
            Plant({"extra": 'frame["week"] = units.transform(lambda s: s.shift(15)[::-1].rolling(7).sum()[::-1])'}),
        ),
        "power": (
            Plant(
                {
                    "meter": """\
day = np.full(len(self.load), np.nan)
for at in range(len(day)):
    day[at] = np.mean(self.load[at : at + 24])
made["day"] = day
"""
                }
            ),
            Plant(
                {
                    "meter": """\
day = np.full(len(self.load), np.nan)
for at in range(51, len(day)):
    day[at] = np.mean(self.load[at - 51 : at - 27])
made["day"] = day
"""
                }
            ),
        ),
    },
    expects={
        "shop": ahead("week", "sales.units"),
        "power": ahead("day", "readings.load"),
    },
)
