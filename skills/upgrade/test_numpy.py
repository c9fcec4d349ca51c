"""What NumPy and SciPy took away: each case fails on the installed library and runs after the repair, with exactly this text."""

from pathlib import Path

import pytest

from skills.upgrade.trying import check_cure

CURES = {
    "float": (
        "z = np.float(3), np.int(2)\n",
        "z = float(3), int(2)\n",
    ),
    "float-2": (
        """\
x = np.zeros(3, dtype=np.float)
def f(v: np.object): return isinstance(v, np.str)
f(1)
""",
        """\
x = np.zeros(3, dtype=float)
def f(v: object): return isinstance(v, str)
f(1)
""",
    ),
    "product": (
        "z = np.product([1, 2]) + np.NaN + np.float_(1)\n",
        "z = np.prod([1, 2]) + np.nan + np.float64(1)\n",
    ),
    "Inf": (
        "z = -np.Inf, np.NINF\n",
        "z = -np.inf, -np.inf\n",
    ),
    "product-2": (
        """\
from numpy import product, Inf as INF
z = product([1, 2]) + INF
""",
        """\
from numpy import prod, inf as INF
z = prod([1, 2]) + INF
""",
    ),
    "asfarray": (
        "z = np.asfarray([1, 2])\n",
        "z = np.asarray([1, 2], dtype=float)\n",
    ),
    "ptp-method": (
        "z = X.ptp()\n",
        "z = np.ptp(X)\n",
    ),
    "ptp-method-2": (
        "z = X.ptp(axis=0)\n",
        "z = np.ptp(X, axis=0)\n",
    ),
    "array-copy": (
        "z = np.array([1], copy=False)\n",
        "z = np.asarray([1])\n",
    ),
    "math": (
        "z = np.math.sqrt(2)\n",
        """\
import math
z = math.sqrt(2)
""",
    ),
    "percentile-interpolation": (
        'z = np.percentile([1, 2], 50, interpolation="lower")\n',
        'z = np.percentile([1, 2], 50, method="lower")\n',
    ),
    "in1d": (
        "z = np.trapz([1, 2]) if np.in1d([1], [1]).any() else 0\n",
        "z = np.trapezoid([1, 2]) if np.isin([1], [1]).any() else 0\n",
    ),
    "scipy-simps": (
        """\
from scipy.integrate import simps, trapz
z = simps([1, 2, 3]) + trapz([1, 2])
""",
        """\
from scipy.integrate import simpson, trapezoid
z = simpson([1, 2, 3]) + trapezoid([1, 2])
""",
    ),
    "scipy-cumtrapz": (
        """\
from scipy import integrate
z = integrate.cumtrapz([1, 2])
""",
        """\
from scipy import integrate
z = integrate.cumulative_trapezoid([1, 2])
""",
    ),
    "scipy-trapz": (
        """\
import scipy.integrate
z = scipy.integrate.trapz([1, 2])
""",
        """\
import scipy.integrate
z = scipy.integrate.trapezoid([1, 2])
""",
    ),
    "scipy-gaussian": (
        """\
from scipy.signal import gaussian
z = gaussian(5, 1)
""",
        """\
from scipy.signal.windows import gaussian
z = gaussian(5, 1)
""",
    ),
    "python-Mapping": (
        """\
from collections import Mapping, OrderedDict
z = isinstance({}, Mapping)
""",
        """\
from collections.abc import Mapping
from collections import OrderedDict
z = isinstance({}, Mapping)
""",
    ),
    "python-Mapping-2": (
        """\
import collections
z = isinstance({}, collections.Mapping)
""",
        """\
import collections.abc
import collections
z = isinstance({}, collections.abc.Mapping)
""",
    ),
    "float-3": (
        "z = np.float(1), np.row_stack([[1], [2]]), np.bool(1)\n",
        "z = float(1), np.row_stack([[1], [2]]), np.bool(1)\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), CURES.values(), ids=CURES)
def test_cure(before: str, after: str, tmp_path: Path) -> None:
    check_cure(tmp_path, before, after)
