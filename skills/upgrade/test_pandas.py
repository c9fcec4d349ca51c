"""What pandas took away: each case fails on the installed library and runs after the repair, with exactly this text."""

from pathlib import Path

import pytest

from skills.upgrade.trying import check_cure, check_no_cure

CURES = {
    "append": (
        """\
df2 = df.append(df, ignore_index=True)
assert len(df2) == 120
""",
        """\
df2 = pd.concat([df, df], ignore_index=True)
assert len(df2) == 120
""",
    ),
    "append-2": (
        """\
row = {"a": 1, "b": 2, "c": 3}
df = df.append(row, ignore_index=True)
assert len(df) == 61
""",
        """\
row = {"a": 1, "b": 2, "c": 3}
df = pd.concat([df, pd.DataFrame([row])], ignore_index=True)
assert len(df) == 61
""",
    ),
    "append-3": (
        """\
out = pd.DataFrame()
parts = [df, df]
parts.append(df)
for p in parts:
    out = out.append(p)
assert len(out) == 180
""",
        """\
out = pd.DataFrame()
parts = [df, df]
parts.append(df)
for p in parts:
    out = pd.concat([out, p])
assert len(out) == 180
""",
    ),
    "append-4": (
        """\
from pandas import DataFrame
z = df.append([df, df]).append(df)
assert len(z) == 240
""",
        """\
from pandas import DataFrame
z = pd.concat([pd.concat([df, df, df]), df])
assert len(z) == 240
""",
    ),
    "append-5": (
        """\
z = df.append(pd.Series({"a": 1, "b": 2, "c": 3}, name="n"))
assert len(z) == 61
""",
        """\
z = pd.concat([df, pd.Series({"a": 1, "b": 2, "c": 3}, name="n").to_frame().T])
assert len(z) == 61
""",
    ),
    "iteritems": (
        """\
for k, v in df.iteritems():
    pass
""",
        """\
for k, v in df.items():
    pass
""",
    ),
    "mad": (
        'z = df["a"].mad()\n',
        'z = (df["a"] - df["a"].mean()).abs().mean()\n',
    ),
    "infer-datetime-format": (
        'z = pd.to_datetime(["2020-01-01"], infer_datetime_format=True)\n',
        'z = pd.to_datetime(["2020-01-01"])\n',
    ),
    "infer-datetime-format-2": (
        """\
import io
z = pd.read_csv(io.StringIO("a,b\\n1,2"), infer_datetime_format=True, parse_dates=["a"])
""",
        """\
import io
z = pd.read_csv(io.StringIO("a,b\\n1,2"), parse_dates=["a"])
""",
    ),
    "line-terminator": (
        'z = df.to_csv(index=False, line_terminator="\\n")\n',
        'z = df.to_csv(index=False, lineterminator="\\n")\n',
    ),
    "fill-method": (
        "z = df.fillna(method=\"ffill\").fillna(method='bfill', limit=2)\n",
        "z = df.ffill().bfill(limit=2)\n",
    ),
    "fill-method-2": (
        'df.fillna(method="pad", inplace=True)\n',
        "df.ffill(inplace=True)\n",
    ),
    "fill-method-3": (
        'z = df.groupby("a")["b"].fillna(method="ffill")\n',
        'z = df.groupby("a")["b"].ffill()\n',
    ),
    "positional": (
        'z = df.fillna(None, "ffill")\n',
        "z = df.ffill()\n",
    ),
    "fill-method-4": (
        'z = df.interpolate(method="pad").pct_change(fill_method="ffill")\n',
        "z = df.ffill().ffill().pct_change(fill_method=None)\n",
    ),
    "fill-method-5": (
        'z = t.pct_change(fill_method="pad")\n',
        "z = t.ffill().pct_change(fill_method=None)\n",
    ),
    "pad": (
        "z = t.pad()\n",
        "z = t.ffill()\n",
    ),
    "frequency-alias": (
        'z = t.resample("2H").sum()\n',
        'z = t.resample("2h").sum()\n',
    ),
    "frequency-alias-2": (
        """\
z = pd.date_range("2020", periods=3, freq="15T")
u = t.resample("M").mean()
p = t.index.to_period("M")
""",
        """\
z = pd.date_range("2020", periods=3, freq="15min")
u = t.resample("ME").mean()
p = t.index.to_period("M")
""",
    ),
    "frequency-alias-3": (
        """\
FREQ = "1H"
z = pd.Series(t.index).dt.floor(FREQ)
""",
        """\
FREQ = "1h"
z = pd.Series(t.index).dt.floor(FREQ)
""",
    ),
    "frequency-alias-4": (
        'z = pd.Timedelta("15T")\n',
        'z = pd.Timedelta("15min")\n',
    ),
    "frequency-alias-5": (
        'z = pd.to_timedelta([1, 2], unit="T")\n',
        'z = pd.to_timedelta([1, 2], unit="min")\n',
    ),
    "frequency-alias-6": (
        'z = t.rolling("48H").mean()\n',
        'z = t.rolling("48h").mean()\n',
    ),
    "frequency-alias-7": (
        'z = t.groupby(pd.Grouper(freq="Q-DEC")).sum()\n',
        'z = t.groupby(pd.Grouper(freq="QE-DEC")).sum()\n',
    ),
    "frequency-alias-8": (
        """\
h = 3
z = pd.date_range("2020", periods=3, freq=f"{h}H")
""",
        """\
h = 3
z = pd.date_range("2020", periods=3, freq=f"{h}h")
""",
    ),
    "frequency-alias-9": (
        'z = t.resample("A").sum()\n',
        'z = t.resample("YE").sum()\n',
    ),
    "frequency-alias-10": (
        'z = t.index.to_period("H")\n',
        'z = t.index.to_period("h")\n',
    ),
    "Int64Index": (
        "z = pd.Int64Index([1, 2])\n",
        'z = pd.Index([1, 2], dtype="int64")\n',
    ),
    "Int64Index-2": (
        """\
from pandas import Int64Index
z = Int64Index([1, 2])
""",
        """\
from pandas import Index
z = Index([1, 2], dtype="int64")
""",
    ),
    "datetime": (
        "z = pd.datetime.now()\n",
        """\
import datetime
z = datetime.datetime.now()
""",
    ),
    "np": (
        "z = pd.np.nan\n",
        "z = np.nan\n",
    ),
    "positional-2": (
        'z = df.drop("a", 1)\n',
        'z = df.drop("a", axis=1)\n',
    ),
    "positional-3": (
        'z = df.assign(d=1).pivot("a", "d", "c")\n',
        'z = df.assign(d=1).pivot(index="a", columns="d", values="c")\n',
    ),
    "positional-4": (
        """\
import io
z = pd.read_csv(io.StringIO("a;b\\n1;2"), ";")
""",
        """\
import io
z = pd.read_csv(io.StringIO("a;b\\n1;2"), sep=";")
""",
    ),
    "positional-5": (
        "z = pd.concat([df, df], 1)\n",
        "z = pd.concat([df, df], axis=1)\n",
    ),
    "level": (
        "z = df.sum(level=0)\n",
        "z = df.groupby(level=0).sum()\n",
    ),
    "group-axis": (
        'z = df.groupby("a", axis=0).mean()\n',
        'z = df.groupby("a").mean()\n',
    ),
    "squeeze": (
        """\
import io
z = pd.read_csv(io.StringIO("a\\n1"), squeeze=True)
assert z.ndim == 1
""",
        """\
import io
z = pd.read_csv(io.StringIO("a\\n1")).squeeze("columns")
assert z.ndim == 1
""",
    ),
    "delim-whitespace": (
        """\
import io
z = pd.read_csv(io.StringIO("a b\\n1 2"), delim_whitespace=True)
""",
        """\
import io
z = pd.read_csv(io.StringIO("a b\\n1 2"), sep=r"\\s+")
""",
    ),
    "error-bad-lines": (
        """\
import io
z = pd.read_csv(io.StringIO("a,b\\n1,2,3\\n1,2"), error_bad_lines=False, warn_bad_lines=False)
""",
        """\
import io
z = pd.read_csv(io.StringIO("a,b\\n1,2,3\\n1,2"), on_bad_lines="skip")
""",
    ),
    "orient": (
        'z = df.to_dict("r")\n',
        'z = df.to_dict("records")\n',
    ),
    "is_monotonic": (
        "z = s.is_monotonic\n",
        "z = s.is_monotonic_increasing\n",
    ),
    "week": (
        "z = pd.Series(t.index).dt.week\n",
        "z = pd.Series(t.index).dt.isocalendar().week\n",
    ),
    "weekofyear": (
        "z = pd.Series(t.index).dt.weekofyear\n",
        "z = pd.Series(t.index).dt.isocalendar().week\n",
    ),
    "applymap": (
        "z = df.applymap(str)\n",
        "z = df.map(str)\n",
    ),
    "value-counts": (
        "z = pd.value_counts(s, normalize=True)\n",
        "z = pd.Series(s).value_counts(normalize=True)\n",
    ),
    "resample-how": (
        'z = t.resample("D", how="mean")\n',
        'z = t.resample("D").mean()\n',
    ),
    "rolling-function": (
        "z = pd.rolling_mean(s, 3)\n",
        "z = s.rolling(3).mean()\n",
    ),
    "nuisance-columns": (
        """\
df["d"] = "x"
z = df.groupby("a").mean()
""",
        """\
df["d"] = "x"
z = df.groupby("a").mean(numeric_only=True)
""",
    ),
    "nuisance-columns-2": (
        """\
df["d"] = "x"
z = df.mean()
""",
        """\
df["d"] = "x"
z = df.mean(numeric_only=True)
""",
    ),
    "series-position": (
        "z = t[-1] - t[0]\n",
        "z = t.iloc[-1] - t.iloc[0]\n",
    ),
    "datetime64": (
        'z = pd.Series(["2020-01-01"]).astype("datetime64")\n',
        'z = pd.Series(["2020-01-01"]).astype("datetime64[ns]")\n',
    ),
    "positional-6": (
        'z = df.sort_values("a", 0, False)\n',
        'z = df.sort_values("a", axis=0, ascending=False)\n',
    ),
    "json-normalize": (
        'z = pd.io.json.json_normalize([{"a": 1}])\n',
        'z = pd.json_normalize([{"a": 1}])\n',
    ),
    "iteritems-2": (
        """\
z = df.iteritems()
w = [1, 2]
w.append(3)
""",
        """\
z = df.items()
w = [1, 2]
w.append(3)
""",
    ),
}

NO_CURES = {
    "mad-0": 'z = df.groupby("a").mean().mad()\n',
    "fill-method-1": """\
how = "ffill" if len(df) else "bfill"
z = df.fillna(method=how)
""",
    "Int64Index-2": "ok = isinstance(df.index, pd.Int64Index)\n",
    "group-axis-3": 'z = df.groupby(["a"], axis=1).mean()\n',
    "ix-4": "z = df.ix[0]\n",
    "unknown-5": 'z = {}["nothing"]\n',
    "unknown-6": 'z = df["zz"]\n',
    "unknown-7": """\
def f(a): pass
f(b=1)
""",
}


@pytest.mark.parametrize(("before", "after"), CURES.values(), ids=CURES)
def test_cure(before: str, after: str, tmp_path: Path) -> None:
    check_cure(tmp_path, before, after)


@pytest.mark.parametrize("before", NO_CURES.values(), ids=NO_CURES)
def test_no_cure(before: str, tmp_path: Path) -> None:
    check_no_cure(tmp_path, before)
