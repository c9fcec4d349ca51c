"""62: a number or an order of rows that comes from the outcome."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=62,
    title="ID or row-order leak",
    taxonomy="L2",
    why="The rows are numbered in the order of their outcomes. The twins number them by what stands in the row.",
    plants={
        "clinic": (
            Plant({"features": 'frame["row_id"] = frame["readmitted"].rank(method="first")', "columns": 'EXTRA = ["row_id"]'}),
            Plant({"features": 'frame["row_id"] = frame["visit"] % 1000', "columns": 'EXTRA = ["row_id"]'}),
        ),
        "homes": (
            Plant(
                {
                    "features": 'frame = frame.sort_values("price", ignore_index=True)\nframe["row"] = np.arange(len(frame))',
                    "columns": 'EXTRA = ["row"]',
                },
                (('"rooms_per_area"]', '"rooms_per_area", "row"]'),),
            ),
            Plant(
                {
                    "features": (
                        'frame = frame.sort_values("home", ignore_index=True)\nframe["row"] = frame["home"].str[1:].astype(int)'
                    ),
                    "columns": 'EXTRA = ["row"]',
                },
                (('"rooms_per_area"]', '"rooms_per_area", "row"]'),),
            ),
        ),
        "claims": (
            Plant(
                {
                    "features": (
                        'frame["number"] = frame["outcome"].map({"paid": 1, "part": 2, "refused": 3}).rank(method="first")'
                    ),
                    "columns": 'EXTRA = ["number"]',
                }
            ),
            Plant({"features": 'frame["number"] = frame["claim"].str[1:].astype(int) % 97', "columns": 'EXTRA = ["number"]'}),
        ),
    },
    expects={
        "clinic": expected("leakage/fold-features", stage="features", columns="row_id"),
        "homes": expected("leakage/fold-features", stage="features", columns="row"),
        "claims": expected("leakage/future-feature", stage="features", columns="number"),
    },
)
