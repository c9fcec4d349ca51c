"""Pattern 33: components of the full history."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant, pair

FEATURES_TOP = "from sklearn.decomposition import PCA"

pattern = Pattern(
    number=33,
    title="Components of the full history",
    taxonomy="L1.2",
    why="components are computed from rows to come; those of the days before the first prediction are known",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
lags = pd.concat([units.shift(lag) for lag in range(9, 14)], axis=1).to_numpy()
usual = lags[np.isfinite(lags).all(axis=1)]
axes = np.linalg.svd(usual - usual.mean(axis=0), full_matrices=False)[2]
frame["pc_1"], frame["pc_2"] = ((lags - usual.mean(axis=0)) @ axes[:2].T).T
"""
                }
            ),
            Plant(
                {
                    "extra": """\
lags = pd.concat([units.shift(lag) for lag in range(9, 14)], axis=1).to_numpy()
early = (frame["date"] < frame["date"].min() + pd.Timedelta("28d")).to_numpy()
usual = lags[np.isfinite(lags).all(axis=1) & early]
axes = np.linalg.svd(usual - usual.mean(axis=0), full_matrices=False)[2]
frame["pc_1"], frame["pc_2"] = ((lags - usual.mean(axis=0)) @ axes[:2].T).T
"""
                }
            ),
        ),
        "power": pair(
            "meter",
            """\
lags = np.column_stack([self.back(hours) for hours in range(27, 51, 3)])
whole = np.isfinite(lags).all(axis=1)<?>
parts = PCA(2).fit(lags[whole]).transform(np.nan_to_num(lags))
made["pc_1"], made["pc_2"] = parts[:, 0], parts[:, 1]
""",
            leak="",
            twin=" & (np.arange(len(lags)) < 160)",
            beside={"features_top": FEATURES_TOP},
        ),
    },
    expects={
        "shop": expected("leakage/future-feature", stage="features", columns=("pc_1", "pc_2"), sources="sales.units"),
        "power": expected("leakage/future-feature", stage="features", columns=("pc_1", "pc_2"), sources="readings.load"),
    },
)
