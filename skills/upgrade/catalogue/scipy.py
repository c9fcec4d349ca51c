"""What SciPy renamed or moved, and old homes of the abstract collections in the standard library."""

from __future__ import annotations

from skills.upgrade.removal import Removal, missing_attribute, nothing, renamed_name

_RENAMED = {
    "scipy.integrate.trapz": "scipy.integrate.trapezoid",
    "scipy.integrate.simps": "scipy.integrate.simpson",
    "scipy.integrate.cumtrapz": "scipy.integrate.cumulative_trapezoid",
    "scipy.stats.median_absolute_deviation": "scipy.stats.median_abs_deviation",
    "scipy.stats.betai": "scipy.special.betainc",
    "scipy.misc.comb": "scipy.special.comb",
    "scipy.misc.factorial": "scipy.special.factorial",
    "scipy.misc.logsumexp": "scipy.special.logsumexp",
    "scipy.misc.derivative": "",
    "scipy.stats.binom_test": "",
    "scipy.interp": "numpy.interp",
    "scipy.mean": "numpy.mean",
    "scipy.sqrt": "numpy.sqrt",
    "scipy.log": "numpy.log",
    "scipy.exp": "numpy.exp",
    **{f"scipy.signal.{name}": f"scipy.signal.windows.{name}" for name in ("gaussian", "hann", "hamming", "blackman", "boxcar")},
}
_COLLECTIONS = (
    "Mapping",
    "MutableMapping",
    "Sequence",
    "MutableSequence",
    "Iterable",
    "Iterator",
    "Callable",
    "Hashable",
    "Set",
    "Sized",
)


def _entry(old: str, new: str, library: str, since: str) -> Removal:
    home, _, last = old.rpartition(".")
    cure = renamed_name(old, new) if new else nothing(f"`{old}` has no like in the newer version")
    return Removal(f"{library}-{last}", library, since, missing_attribute(last, home), cure, gone=old)


REMOVALS: list[Removal] = [
    *(_entry(old, new, "scipy", "1.14") for old, new in _RENAMED.items()),
    *(_entry(f"collections.{name}", f"collections.abc.{name}", "python", "3.10") for name in _COLLECTIONS),
]
