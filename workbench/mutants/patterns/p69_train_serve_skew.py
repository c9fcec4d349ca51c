"""69: two code paths for one feature, in training and in serving."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

STAGE = (
    (
        'metrics  = "pipelines.shop.metrics:score"',
        'metrics  = "pipelines.shop.metrics:score"\nserve    = "pipelines.shop.serve:answer"',
    ),
)
SHOP = '''\
"""One row for one store and day, as the service builds it."""

import numpy as np
import pandas as pd


def answer(request, tables):
    day = pd.Timestamp(request["date"])
    store = request["store"]
    plan, stores, sales = tables["plan"], tables["stores"], tables["sales"]
    planned = plan[(plan["store"] == store) & (plan["date"] == day)].iloc[0]
    days = pd.date_range(day - pd.Timedelta("40d"), day - pd.Timedelta("9d"))
    own = sales[sales["store"] == store].drop_duplicates("date").set_index("date")["units"].reindex(days)
    weekday = day.dayofweek
    return {{
        "country": stores.set_index("store").loc[store, "country"],
        "size": stores.set_index("store").loc[store, "size"],
        "price": planned["price"],
        "promo": planned["promo"],
        "lag_9": own.iloc[-1],
        "lag_14": own.iloc[-6],
        "mean_14": own.iloc[-{window}:].mean(),
        "week_sin": np.sin(2 * np.pi * weekday / 7),
        "week_cos": np.cos(2 * np.pi * weekday / 7),
    }}
'''
CLAIMS_STAGE = (
    (
        'metrics = "pipelines.claims.metrics:score"',
        'metrics = "pipelines.claims.metrics:score"\nserve = "pipelines.claims.serve:answer"',
    ),
)
CLAIMS = '''\
"""One claim, as the service builds its row."""

import pandas as pd

from pipelines.claims.features import build


def answer(request, tables):
    frame = build(tables)
    row = frame[frame["claim"] == request["claim"]].iloc[0].to_dict()
    row["to_premium"] = {to_premium}
    return row
'''

pattern = Pattern(
    number=69,
    title="Train/serve skew",
    taxonomy="L2",
    why="The row that serving builds at prediction time isn't the row that training used: another window (shop), another unit "
    "(claims). The twins build the same.",
    plants={
        "shop": (
            Plant({}, STAGE, {"pipelines/shop/serve.py": SHOP.format(window=7)}),
            Plant({}, STAGE, {"pipelines/shop/serve.py": SHOP.format(window=14)}),
        ),
        "claims": (
            Plant(
                {}, CLAIMS_STAGE, {"pipelines/claims/serve.py": CLAIMS.format(to_premium='row["amount"] / (row["premium"] * 12)')}
            ),
            Plant({}, CLAIMS_STAGE, {"pipelines/claims/serve.py": CLAIMS.format(to_premium='row["amount"] / row["premium"]')}),
        ),
    },
    expects={
        "shop": expected("parity/served-row", columns="mean_14"),
        "claims": expected("parity/served-row", columns="to_premium"),
    },
)
