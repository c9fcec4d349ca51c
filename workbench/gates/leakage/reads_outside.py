"""A stage that reads what nobody handed it.

**What it does.** Looks at which files, sockets and programs the stages after `load` opened during the base run, as the
interpreter's audit hook saw it, and whether they, or a module while it was imported, called `load` or what `load` is made of, or
use a table that a module keeps in a global and that is a source by its content. Code, the libraries' own files and the scratch
directory are left aside.

**Why it is bad.** What a stage fetches itself is outside the as-of world: no gate can change it, so no gate can see that it
holds the future. A saved scaler, a cached frame or a label file read in `fit` goes unnoticed by every other rule.

**Leaking**

    def fit(train):
        history = pd.read_parquet("data/all_labels.parquet")
        everything = build(load())

**Repaired**

    def load():                                   # a source with a contract, cut like every other
        return {…, "history": pd.read_parquet("data/history.parquet")}

**How it can be wrong.** A small settings file of the workspace (TOML, YAML, JSON, INI) is a warning only. Files that a library
reads in native code are not seen. Tables of constants in globals may be used anywhere.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import PurePosixPath

from workbench.findings import Finding, Severity, Text
from workbench.gates.facts import Audit
from workbench.gates.rule import NotApplicable, Rule

# Libraries ask the machine how many cores it has.
MACHINE_PROGRAMS = frozenset({"lscpu", "nproc", "uname", "ldconfig", "sysctl", "nvidia-smi", "gcc", "cc", "sh"})
LIBRARY_PLACES = ("/site-packages/", "/dist-packages/", "/usr/lib/", "/usr/share/", "/lib/", "/etc/")
# The standard library as an archive: the interpreter looks there for every module it imports late.
STANDARD_LIBRARY = re.compile(r"python\d+\.zip")
TABLES = frozenset(
    [".csv", ".tsv", ".parquet", ".arrow", ".feather", ".npy", ".npz", ".pkl", ".pickle", ".joblib", ".h5", ".hdf5", ".sqlite",
     ".db", ".xlsx", ".gz", ".zip", ".bz2", ".xz", ".zst", ".jsonl", ".dta", ".sas7bdat", ".mat", ".orc", ".avro"]
)  # fmt: skip
SETTINGS = frozenset({".toml", ".yaml", ".yml", ".json", ".ini", ".cfg"})
SETTINGS_BYTES = 64 * 1024


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per stage and severity."""
    if audit.opaque:
        raise NotApplicable("what a back-test that is one stage opens is not recorded")
    found: dict[tuple[str, Severity], list[str]] = {}
    for line in audit.base.opened:
        stage, _, rest = line.partition(": ")
        kind, _, what = rest.partition(": ")
        severity = _severity(audit, kind, what) if stage != "load" else None
        if severity is not None:
            found.setdefault((_stage(audit, stage, what), severity), []).append(f"{kind} {what}")
    audit.probed(len(audit.base.seconds), "stage")
    for (stage, severity), entries in sorted(found.items()):
        more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
        yield Finding(
            rule=rule.id,
            severity=severity,
            stage=stage,
            source=entries[0].partition(" ")[2],
            evidence=[Text(text=entry) for entry in entries[:5]],
            message=f"The {stage} stage goes past its arguments: {_verb(entries[0])}{more}. No gate can cut that at "
            "prediction time, so no "
            "verdict covers it.",
            remedy="Return it from `load` as a source with its own known times, or as columns of the feature frame.",
            location=audit.location(stage),
        )


def _stage(audit: Audit, stage: str, what: str) -> str:
    """The stage; for what was noted at a line, while modules were imported, the one whose function begins next before it."""
    if stage != "import":
        return stage
    path, _, line = what.rpartition("(")[2].rstrip(")").rpartition(":")
    places = [(name, audit.location(name)) for name in ("features", "split", "fit", "predict", "postprocess", "metrics")]
    there = [(place.line or 0, name) for name, place in places if place is not None and place.path == path]
    before = [one for one in there if line.isdigit() and one[0] <= int(line)]
    return max(before)[1] if before else min(there)[1] if there else "load"


def _severity(audit: Audit, kind: str, what: str) -> Severity | None:
    path = PurePosixPath(what)
    if kind == "start":
        return None if path.name in MACHINE_PROGRAMS else Severity.ERROR
    if kind not in ("read", "write"):
        return Severity.ERROR
    if kind == "read" and STANDARD_LIBRARY.fullmatch(path.name) and what.startswith((sys.base_prefix, sys.prefix)):
        return None
    if any(place in what for place in LIBRARY_PLACES) and path.suffix.lower() not in TABLES:
        return None if kind == "read" else Severity.ERROR
    inside = audit.root / what
    if kind == "read" and path.suffix.lower() in SETTINGS and not path.is_absolute() and inside.is_file():
        return Severity.WARNING if inside.stat().st_size <= SETTINGS_BYTES else Severity.ERROR
    return Severity.ERROR


def _verb(entry: str) -> str:
    kind, _, what = entry.partition(" ")
    words = {
        "read": "reads the file",
        "write": "writes the file",
        "connect": "connects to",
        "resolve": "looks up",
        "start": "starts",
        "call": "takes the source tables itself, by",
    }
    return f"it {words.get(kind, kind)} {what}"


rule = Rule("leakage/reads-outside", "fit", "A stage reads files or the network past its arguments.", check)
