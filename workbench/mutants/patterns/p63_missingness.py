"""63: a field that is filled in, or emptied, because of the outcome."""

from workbench.mutants.model import ahead, expected
from workbench.mutants.pattern import Pattern, Plant

REASON = """
claims["reason"] = np.where(claims["outcome"] == "refused", "see letter", None)
"""
DECLARED = (
    ('letters = { known_at = "settled_at" }', 'letters = { known_at = "settled_at" }\nreason = { known_at = "settled_at" }'),
)
WITHOUT_TEXT = 'frame = frame.drop(columns="reason")'

pattern = Pattern(
    number=63,
    title="Missingness written after the outcome",
    taxonomy="L2",
    why=(
        "A reason is written when a claim is refused, and known when it is settled; complaints come in with the "
        "day's figures. The twins ask the same of an earlier row that is known, or of the row's own form."
    ),
    plants={
        "claims": (
            Plant(
                {
                    "data": REASON,
                    "features": 'frame["no_reason"] = frame["reason"].isna().astype(float)\n' + WITHOUT_TEXT,
                    "columns": 'EXTRA = ["no_reason"]',
                },
                DECLARED,
            ),
            Plant(
                {
                    "data": REASON,
                    "features": WITHOUT_TEXT + '\nframe["no_reason"] = (frame["photos"] == 0).astype(float)',
                    "columns": 'EXTRA = ["no_reason"]',
                },
                DECLARED,
            ),
        ),
        "shop": (
            Plant(
                {
                    "tables": 'tables["sales"]["complaint"] = np.where(units > 45, "queue", None)',
                    "extra": (
                        'frame["quiet"] = frame.merge(sales, on=["store", "date"], how="left")["complaint"].isna().astype(int)'
                    ),
                }
            ),
            Plant(
                {
                    "tables": 'tables["sales"]["complaint"] = np.where(units > 45, "queue", None)',
                    "extra": (
                        'frame["quiet"] = frame.merge(sales, on=["store", "date"], how="left")["complaint"].isna().astype(int)\n'
                        'frame["quiet"] = frame.groupby("store")["quiet"].shift(9)'
                    ),
                }
            ),
        ),
        "clinic": (
            Plant(
                {
                    "features": (
                        'note = frame["ward"].where(frame["readmitted"] == 1)\nframe["no_note"] = note.isna().astype(int)'
                    ),
                    "columns": 'EXTRA = ["no_note"]',
                }
            ),
            Plant(
                {
                    "features": 'frame["no_note"] = frame["pressure"].isna().astype(int)',
                    "columns": 'EXTRA = ["no_note"]',
                }
            ),
        ),
    },
    expects={
        "claims": ahead("no_reason", "claims.reason"),
        "shop": ahead("quiet", "sales.complaint"),
        "clinic": expected("leakage/fold-features", stage="features", columns="no_note"),
    },
)
