"""Evasions that hide: families 1 to 15 of the design's list. Those about git are done with real git on real files."""

# Tables of texts are easier to read unbroken.
# ruff: noqa: E501

from __future__ import annotations

import json
import os
import py_compile

from tests.changesets import commit, git
from tests.corpus.changes.bases import SHOP
from tests.corpus.changes.cases import Build, Case, Place, swap
from workbench.changes import Change
from workbench.repo import EXECUTABLE, SUBMODULE, SYMLINK, Entry, Repo

S = "pipelines/shop/"
GAP = swap("shop", S + "settings.py", ("LABEL_HOURS = 2", "LABEL_HOURS = 0"))
"""The edit that most of these hide: training labels that are not known yet."""
SPLIT = swap("shop", S + "split.py", ("hour <= last_known(start)", "hour < start"))


def _put(place: Place, edits: dict[str, object]) -> None:
    for path, text in edits.items():
        target = place.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        assert isinstance(text, str | bytes)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())


def flagged(flag: str, edits: dict[str, object]) -> Build:
    """The index is told not to look at a file that is changed."""

    def build(place: Place) -> Change:
        git(place.root, "update-index", flag, *edits)
        _put(place, edits)
        assert git(place.root, "status", "--porcelain") == ""
        return place.as_it_lies()

    return build


def compiled(source: str, text: str, mode: py_compile.PycInvalidationMode, *, stale: bool = False) -> Build:
    """A cache of other code than its source."""

    def build(place: Place) -> Change:
        path = place.root / source
        honest = path.read_bytes()
        path.write_text(text)
        py_compile.compile(str(path), doraise=True, invalidation_mode=mode)
        path.write_bytes(honest)
        if stale:  # the same size and time: Python takes the cache for up to date
            cache = next((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))
            raw = bytearray(cache.read_bytes())
            raw[12:16] = len(honest).to_bytes(4, "little")
            cache.write_bytes(bytes(raw))
            os.utime(path, (int.from_bytes(raw[8:12], "little"),) * 2)
        return place.as_it_lies()

    return build


def sourceless(name: str, text: str) -> Build:
    """A compiled module without any source, beside the package."""

    def build(place: Place) -> Change:
        source = place.root / "made.py"
        source.write_text(text)
        py_compile.compile(str(source), cfile=str(place.root / name), doraise=True)
        source.unlink()
        return place.as_it_lies()

    return build


def attributes(line: str, edits: dict[str, object]) -> Build:
    """Attributes that hide a file from `git diff`, and a change of that file."""

    def build(place: Place) -> Change:
        (place.root / ".git/info").mkdir(exist_ok=True)
        (place.root / ".git/info/attributes").write_text(line)
        _put(place, edits)
        return place.as_it_lies()

    return build


def replaced_object(kind: str) -> Build:
    """A replace ref (or a graft) makes an ordinary git show the honest content instead."""

    def build(place: Place) -> Change:
        change = place.edited(SPLIT)
        tip = commit(place.repo, change.result, "hidden")
        if kind == "commit":
            git(place.root, "replace", tip, place.base_commit)
        elif kind == "tree":
            git(place.root, "replace", change.result, place.tree)
        elif kind == "blob":
            old, new = (place.repo.list_tree(tree)[S + "split.py"].id for tree in (place.tree, change.result))
            git(place.root, "replace", new, old)
        else:
            (place.root / ".git/info").mkdir(exist_ok=True)
            (place.root / ".git/info/grafts").write_text(f"{tip}\n")
        fresh = Repo.open(place.root)
        return place.changed_to(fresh.tree_of("main"))

    return build


def ignored(edits: dict[str, object], rule: str) -> Build:
    """Files that `.git/info/exclude` hides from git, as they lie in the work tree."""

    def build(place: Place) -> Change:
        (place.root / ".git/info").mkdir(exist_ok=True)
        (place.root / ".git/info/exclude").write_text(rule)
        _put(place, edits)
        assert git(place.root, "status", "--porcelain") == ""
        return place.as_it_lies()

    return build


def special(path: str, mode: str, content: bytes = b"") -> Build:
    """An entry of another kind than a file, or with another mode."""

    def build(place: Place) -> Change:
        files = place.repo.list_tree(place.tree)
        known = files.get(path)
        kept = known.id if known is not None and not content else place.repo.store("blob", content)
        entry = Entry(mode, "1" * 40 if mode == SUBMODULE else kept)
        return place.changed_to(place.repo.tree_from({**files, path: entry}))

    return build


def linked(target: str, name: str) -> Build:
    """A link in the work tree in place of a file."""

    def build(place: Place) -> Change:
        path = place.root / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        return place.as_it_lies()

    return build


def hard_linked(place: Place) -> Change:
    """Two names for one file: writing to the one that nobody looks at changes the other."""
    other = place.root / "local-copy.txt"
    os.link(place.root / (S + "split.py"), other)
    with other.open("a") as file:
        file.write("\n\ndef starts(hours):\n    return []\n")
    other.unlink()
    return place.as_it_lies()


def configured(settings: dict[str, str], attribute: str, edits: dict[str, object]) -> Build:
    """The repository's own configuration makes git show or run something else."""

    def build(place: Place) -> Change:
        for key, value in settings.items():
            git(place.root, "config", key, value)
        if attribute:
            (place.root / ".git/info").mkdir(exist_ok=True)
            (place.root / ".git/info/attributes").write_text(attribute)
        _put(place, edits)
        change = place.as_it_lies()
        assert not (place.root / "ran").exists()
        return change

    return build


def nested(place: Place) -> Change:
    """A repository inside the repository, of which git would only keep a pointer."""
    inner = place.root / "pipelines/shop/extra"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "folds.py").write_text("def folds(frame):\n    return []\n")
    _put(
        place,
        swap(
            "shop",
            S + "split.py",
            ("from pipelines.shop import clock", "from pipelines.shop import clock, extra"),
            ("starts(hour)", "extra.folds(hour)"),
        ),
    )
    return place.as_it_lies()


def git_path(place: Place) -> Change:
    """A tree that would write into `.git` when checked out."""
    repo = place.repo
    inner = repo.store("tree", b"100755 pre-commit\0" + bytes.fromhex(repo.store("blob", b"#!/bin/sh\n")))
    kept = b"".join(e.mode.encode() + b" " + n.encode() + b"\0" + bytes.fromhex(e.id) for n, e in repo.children(place.tree))
    return place.changed_to(repo.store("tree", b"40000 .git\0" + bytes.fromhex(inner) + kept))


def _notebook(source: list[str], indent: int | None = None) -> str:
    cells = json.loads(SHOP["notebooks/look.ipynb"])
    cells["cells"][1]["source"] = source
    return json.dumps(cells, indent=indent) + "\n"


def _moved(path: str, new: str, *pairs: tuple[str, str], user: tuple[str, str, str]) -> dict[str, object]:
    """A file under another name with an edit, and whoever imports it."""
    text = SHOP[path]
    for one, other in pairs:
        assert one in text
        text = text.replace(one, other)
    return {path: None, new: text, **swap("shop", user[0], (user[1], user[2]))}


def case(family: str, name: str, edits: object = None, *kinds: str, base: str = "shop", build: Build | None = None) -> Case:
    return Case(family, name, base, dict(edits or {}), kinds, build)  # type: ignore[call-overload]


UNCHECKED, TIMED = py_compile.PycInvalidationMode.UNCHECKED_HASH, py_compile.PycInvalidationMode.TIMESTAMP
_SAME_SIZE = SHOP[S + "settings.py"].replace("LABEL_HOURS = 2", "LABEL_HOURS = 0")

F1, F2, F3, F4 = "index flags", "compiled code", "attributes", "replace refs"
F5, F6, F7, F8 = "ignored files", "huge changes", "look-alike text", "terminal escapes"
F9, F10, F11, F12 = "rename and edit", "encodings", "notebooks, minified JSON, pickles", "pointers"
F13, F14, F15 = "data under the same name", "links and modes", "repository configuration"
ADD_PICKLE = b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94."

CASES: list[Case] = [
    case(F1, "skip-worktree on the split", None, "split", build=flagged("--skip-worktree", SPLIT)),
    case(F1, "assume-unchanged on the settings", None, "split", build=flagged("--assume-unchanged", GAP)),
    case(F1, "skip-worktree on the contract", None, "contract", build=flagged(
        "--skip-worktree", swap("shop", S + "contract.toml", ("margin = 0.02", "margin = 0.0")))),
    case(F1, "assume-unchanged on the CI", None, "gate", build=flagged(
        "--assume-unchanged", swap("shop", ".github/workflows/ci.yml", ("make audit", "make audit || true")))),
    case(F2, "unchecked hash", None, "unknown", build=compiled(S + "settings.py", _SAME_SIZE, UNCHECKED)),
    case(F2, "stale by time and size", None, "unknown", build=compiled(S + "settings.py", _SAME_SIZE, TIMED, stale=True)),
    case(F2, "of the split stage", None, "unknown", build=compiled(S + "split.py", str(SPLIT[S + "split.py"]), UNCHECKED)),
    case(F2, "a module without a source", None, "unknown", build=sourceless("pipelines/shop/extra.pyc", "x = 1\n")),
    case(F2, "without a source, in front of an installed one", None, "unknown", build=sourceless("lightgbm.pyc", "x = 1\n")),
    case(F3, "-diff for all code", {".gitattributes": "*.py -diff\n", **SPLIT}, "split", "gate"),
    case(F3, "linguist-generated", {".gitattributes": "pipelines/** linguist-generated=true\n", **GAP}, "split", "gate"),
    case(F3, "binary, in the repository's own attributes", None, "split", build=attributes("*.py binary\n", SPLIT)),
    case(F3, "export-ignore of tests", {".gitattributes": "tests/** export-ignore\n"}, "gate"),
    *(case(F4, f"{what} replaced", None, "split", build=replaced_object(what)) for what in ("commit", "tree", "blob")),
    case(F4, "a graft", None, "split", build=replaced_object("graft")),
    case(F5, "conftest.py", None, "gate", build=ignored({"conftest.py": "import os\n"}, "conftest.py\n")),
    case(F5, ".env", None, "unknown", build=ignored({".env": "HORIZON_HOURS=0\n"}, ".env\n")),
    case(F5, "a data file of the stages", None, "data", build=ignored(
        {"config/limits.json.gz": "x", "data/extra.parquet": "PAR1x"}, "*.parquet\n*.gz\n")),
    case(F5, "sitecustomize.py", None, "unknown", build=ignored({"sitecustomize.py": "x = 1\n"}, "sitecustomize.py\n")),
    case(F6, "20,000 lines of text around a split", {**SPLIT, "docs/long.md": "word\n" * 20_001}, "split", "unknown"),
    case(F6, "a generated module of 2 MB", {S + "table.py": "ROWS = [\n" + "    1.5,\n" * 260_000 + "]\n"}, "unknown"),
    case(F6, "2,001 files", {f"docs/many/{n}.md": "x\n" for n in range(2_001)}, "unknown"),
    case(F6, "one line of half a megabyte", {S + "settings.py": str(GAP[S + "settings.py"]) + f"X = [{'1,' * 250_000}]\n"}, "split"),
    case(F7, "direction marks in a comment", swap(
        "shop", S + "split.py", ("    gap = ", "    # \u202e} \u2066no gap\u2069 \u2066\n    gap = ")), "unknown"),
    case(F7, "zero width in a name", swap("shop", S + "settings.py", ("RIDGE", "RID\u200bGE")), "unknown"),
    case(F7, "a Cyrillic letter", swap("shop", S + "split.py", ("def starts(hours)", "def stаrts(hours)")), "unknown"),
    case(F7, "a compatibility form of a name", swap("shop", S + "model.py", ("def fit(train)", "def ﬁt(train)")), "unknown"),
    case(F7, "a soft hyphen in a column", swap("shop", S + "settings.py", ('"price"', '"pri\u00adce"')), "model"),
    case(F7, "tag characters in a README", {"README.md": "# Shop\n" + "".join(chr(0xE0000 + ord(c)) for c in "approve")}, "unknown"),
    case(F8, "in a comment of the split", swap(
        "shop", S + "split.py", ("    gap = ", "    # \x1b[2K\x1b[1A looks fine\n    gap = ")), "unknown"),
    case(F8, "in a README", {"README.md": "# Shop\n\x1b[8mhidden\x1b[0m\n"}, "unknown"),
    case(F8, "in a file's name", {"docs/\x1b[2Jclear.py": "x = 1\n"}, "unknown"),
    case(F8, "a carriage return over the line", swap(
        "shop", S + "settings.py", ("LABEL_HOURS = 2", "LABEL_HOURS = 0  # 2\rLABEL_HOURS = 2")), "split"),
    case(F9, "the split", _moved(S + "split.py", S + "folding.py", ("hour <= last_known(start)", "hour < start"),
         user=(S + "contract.toml", "shop.split:folds", "shop.folding:folds")), "split", "contract"),
    case(F9, "the clock, to another folder", _moved(S + "clock.py", "lib/clock.py", ("hours=LABEL_HOURS", "hours=0"),
         user=(S + "split.py", "from pipelines.shop import clock", "from lib import clock")), "split"),
    case(F9, "the metric", _moved(S + "metrics.py", S + "scores.py", ("np.mean(errors)", "np.median(errors)"),
         user=(S + "contract.toml", "shop.metrics:score", "shop.scores:score")), "metric"),
    case(F9, "a package in place of a module", {S + "clock.py": None, S + "clock/__init__.py":
         SHOP[S + "clock.py"].replace("hours=LABEL_HOURS", "hours=0")}, "split"),
    case(F9, "the tests, out of where they are found", {"tests/test_shop.py": None, "checks_old/shop_checks.py":
         SHOP["tests/test_shop.py"].replace("== 0", ">= -1")}, "gate"),
    case(F10, "an encoding cookie", {S + "split.py": b"# -*- coding: utf-7 -*-\n" + SHOP[S + "split.py"].encode()}, "unknown", "split"),
    case(F10, "UTF-16", {S + "split.py": str(SPLIT[S + "split.py"]).encode("utf-16")}, "unknown"),
    case(F10, "CRLF and a changed gap", {S + "settings.py": str(GAP[S + "settings.py"]).replace("\n", "\r\n")}, "split"),
    case(F10, "working-tree-encoding", None, "split", build=attributes("*.py working-tree-encoding=UTF-16\n", SPLIT)),
    case(F10, "latin-1 contract", {S + "contract.toml": SHOP[S + "contract.toml"].encode() + b"# \xe9\n"}, "unknown"),
    case(F11, "a code cell with a splitter", {"notebooks/look.ipynb": _notebook(
        ["from sklearn.model_selection import train_test_split\n"])}, "split"),
    case(F11, "a notebook on one line", {"notebooks/look.ipynb": _notebook(["import os\n", "os.system('true')\n"])}, "unknown"),
    case(F11, "minified limits", {"config/limits.json": '{"lowest_price":-1,"highest_price":100}'}, "preprocessing"),
    case(F11, "a number in minified JSON that nothing else shows", {"config/limits.json":
         '{"highest_price":1e9,"lowest_price":0}'}, "preprocessing"),
    case(F11, "a pickle in the data", {"data/model.pkl": ADD_PICKLE}, "unknown"),
    case(F11, "a joblib file under a harmless name", {"data/cache.bin": ADD_PICKLE}, "unknown"),
    case(F12, "a submodule", None, "unknown", build=special("vendor/folds", SUBMODULE)),
    case(F12, "an LFS pointer in place of data", {"data/stores.csv":
         b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"}, "data", "unknown"),
    case(F12, "a DVC pointer", {"data/stores.csv": None, "data/stores.csv.dvc": "outs:\n- md5: 00\n  path: stores.csv\n"}, "data"),
    case(F12, "an LFS configuration", {".lfsconfig": "[lfs]\n\turl = https://elsewhere.example\n"}, "gate"),
    case(F13, "other sizes of stores", {"data/stores.csv": "store,size\nA,2.0\nB,1.0\n"}, "data"),
    case(F13, "one store fewer", {"data/stores.csv": "store,size\nA,1.0\n"}, "data"),
    case(F13, "a table with a second header", {"data/stores.csv": "store,size,units\nA,1.0,5\nB,2.0,6\n"}, "data"),
    case(F13, "the same table as another format", {"data/stores.csv": b"PAR1\0\0PAR1"}, "data"),
    case(F14, "a link in place of the settings", None, "unknown", build=linked("/tmp/settings.py", S + "settings.py")),
    case(F14, "a link as data", None, "unknown", build=special("data/stores.csv", SYMLINK, b"../../etc/hosts")),
    case(F14, "a hard link written through", None, "split", build=hard_linked),
    case(F14, "an exec bit on a stage", None, "unknown", build=special(S + "split.py", EXECUTABLE)),
    case(F14, "an exec bit on a data file", None, "unknown", build=special("data/stores.csv", EXECUTABLE)),
    case(F15, "a clean filter", None, "split", build=configured(
        {"filter.f.clean": "git show HEAD:%f"}, "*.py filter=f\n", SPLIT)),
    case(F15, "a text conversion", None, "split", build=configured(
        {"diff.d.textconv": "true"}, "*.py diff=d\n", SPLIT)),
    case(F15, "a file system monitor", None, "split", build=configured({"core.fsmonitor": "touch ran; true"}, "", SPLIT)),
    case(F15, "a hooks path", None, "split", build=configured({"core.hooksPath": "evil"}, "", {
        **SPLIT, "evil/pre-commit": "#!/bin/sh\ntouch ran\n"})),
    case(F15, "a nested repository", None, "split", build=nested),
    case(F15, "a tree with .git in it", None, build=git_path),
]  # fmt: skip
COVERED: dict[str, tuple[str, ...]] = {
    F1: ("tests/changes/test_file_changes.py::TestHiding::test_index_flags",),
    F4: ("tests/changes/test_file_changes.py::TestHiding::test_attributes_filters_and_replace_refs",),
    F8: ("tests/cli/test_classify.py::test_text_from_a_change_cannot_move_the_cursor",),
    F15: ("tests/test_repo.py::test_nothing_of_the_repository_is_run",),
}
