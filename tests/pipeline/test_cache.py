"""What is kept is used only while nothing it depends on has changed; a damaged entry is a miss."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.workspaces import SHOP_CONTRACT, SHOP_DATA, SHOP_FEATURES, make_workspace
from workbench.pipeline import cache
from workbench.pipeline.contract import load_contract
from workbench.pipeline.results import Run
from workbench.pipeline.runner import Pipeline
from workbench.settings import load_settings

FROM_FILE = SHOP_DATA.replace('"stores": stores,', '"stores": stores.assign(n=float(open("data/n.csv").read())),')


def pipeline(root: Path, code: Path | None = None) -> Pipeline:
    return Pipeline(load_settings(root, {}), load_contract(root, "shop"), root=code)


def loads(root: Path, code: Path | None = None) -> int:
    """How often the load stage really ran for this."""
    with pipeline(root, code) as one:
        one.load()
        return one.runs["load"]


def opened(root: Path, code: Path | None = None) -> cache.Cache:
    """The cache as a new command would open it."""
    code = code or root
    return cache.Cache(load_settings(root, {}), load_contract(root, "shop"), code, cache.code_digest(code))


def keep(root: Path, *files: Path, code: Path | None = None) -> None:
    opened(root, code).keep_tables({"t": pd.DataFrame({"x": [1, 2]})}, [str(file) for file in files])


def kept(root: Path, code: Path | None = None) -> bool:
    return opened(root, code).tables() is not None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_workspace(tmp_path, data=FROM_FILE, files={"data/n.csv": "1"})


def test_tables_are_kept_and_the_same(root: Path) -> None:
    with pipeline(root) as one:
        first = one.load()
    with pipeline(root) as two:
        second = two.load()
        assert two.runs == {} and two._hosts is None
    assert list(first) == list(second)
    for name, table in first.items():
        pd.testing.assert_frame_equal(second[name], table, check_exact=True)
    second["stores"].loc[0, "size"] = 99.0
    with pipeline(root) as three:
        assert three.load()["stores"]["size"].tolist() == [1.0, 2.0]


def append(path: str, text: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with (root / path).open("a") as file:
            file.write(text)

    return change


def same_size_same_time(root: Path, name: str = "data/n.csv") -> None:
    path = root / name
    before, before_text = path.stat(), path.read_text()
    path.write_text(before_text[::-1].replace("1", "2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "code": append("pipelines/shop/data.py", "\n# changed"),
    "a new module": append("pipelines/shop/new.py", ""),
    "start-up code": append("sitecustomize.py", "x = 1"),
    "the contract": append("pipelines/shop/contract.toml", "[budgets]\nbias_gap = 1\n"),
    "a file": append("data/n.csv", "0"),
    "a new file": append("data/new.csv", "0"),
    "a file, with the same size and time": same_size_same_time,
}


def test_a_change_of_anything_it_can_depend_on_is_a_miss(root: Path) -> None:
    keep(root, root / "data/n.csv")
    for what, change in CHANGES.items():
        assert kept(root), what
        change(root)
        assert not kept(root), what
        keep(root, root / "data/n.csv")


def test_what_it_cannot_read_is_no_change(root: Path) -> None:
    keep(root)
    for path in (".git/HEAD", "sessions/x/events.jsonl", "__pycache__/x.pyc", ".venv/lib/x.py"):
        append(path, "x")(root)
    assert kept(root)


def test_a_file_outside_the_workspace_counts_too(tmp_path: Path) -> None:
    outside = tmp_path / "n.csv"
    outside.write_text("1")
    root = make_workspace(tmp_path / "w")
    keep(root, outside)
    assert kept(root)
    same_size_same_time(tmp_path, "n.csv")
    assert not kept(root)
    keep(root, outside)
    outside.unlink()
    assert not kept(root)
    keep(root, outside)
    assert not kept(root), "what can't be looked at again isn't kept"


def test_files_that_are_read_natively_count_by_their_place(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    root = make_workspace(tmp_path / "w", settings=f'[sandbox]\nread = ["{tmp_path}/lake"]')
    keep(root)
    assert kept(root)
    (tmp_path / "lake/new.parquet").write_text("1")
    assert not kept(root)


def test_two_copies_of_the_same_tree_share(root: Path) -> None:
    copy = make_workspace(root / ".workbench/trees/x", data=FROM_FILE, files={"data/n.csv": "1"})
    assert loads(root) == 1 and loads(root, copy) == 0
    (copy / "data/n.csv").write_text("2")
    assert not kept(root, copy) and kept(root)


def entries(root: Path) -> list[Path]:
    return [path for path in (root / ".workbench/cache").glob("*/*/*") if path.is_file()]


def test_a_damaged_entry_is_a_miss(root: Path) -> None:
    with pipeline(root) as one:
        tables = one.load()
        one.run(tables, reuse=True)
    kept = entries(root)
    assert len(kept) > 5
    for path in kept:
        good = path.read_bytes()
        for bad in (b"", good[: len(good) // 2], b"x" * len(good), None):
            path.unlink()
            if bad is not None:
                path.write_bytes(bad)
            folder = path.parent
            with pipeline(root) as one:
                read = one._cache
                assert read is not None
                if folder.parent.name == "load":
                    assert read.tables() is None, path.name
                else:
                    key = next(iter(k for k in [_key_of(one, tables)] if read._path("run", k) == folder))
                    assert read.run(key) is None, path.name
            path.write_bytes(good)
    assert loads(root) == 0


def _key_of(one: Pipeline, tables: dict[str, pd.DataFrame]) -> str:
    from workbench.pipeline import frames

    assert one._cache is not None
    return one._cache.run_key("metrics", {f"table `{n}`": frames.content_id(frames.encode(t)) for n, t in tables.items()})


def same(a: Run, b: Run) -> bool:
    pd.testing.assert_frame_equal(a.frame, b.frame, check_exact=True)
    assert [f.train.tolist() for f in a.folds] == [f.train.tolist() for f in b.folds]
    assert [f.predictions.tobytes() for f in a.fold_runs] == [f.predictions.tobytes() for f in b.fold_runs]
    assert [f.model_digest for f in a.fold_runs] == [f.model_digest for f in b.fold_runs]
    return (a.scores, a.opened, a.seconds) == (b.scores, b.opened, b.seconds)


def test_a_run_is_reused_only_when_asked(root: Path) -> None:
    with pipeline(root) as one:
        tables = one.load()
        first = one.run(tables, reuse=True)
        assert one.runs["features"] == 1
        assert same(first, one.run(tables, reuse=True)) and one.runs["features"] == 1
        one.run(tables)
        assert one.runs["features"] == 2
        one.run(tables, until="predict", reuse=True)
        one.run({**tables, "stores": tables["stores"].assign(size=3.0)}, reuse=True)
        one.run(tables, folds=first.folds[:1], reuse=True)
        one.run(tables, probe=first.frame, reuse=True)
        one.run({}, frame=first.frame, until="predict", reuse=True)
        assert one.runs["features"] == 6 and one.runs["fit"] == 19
    with pipeline(root) as two:
        assert same(first, two.run(two.load(), reuse=True)) and two.runs == {}


def test_a_tree_edited_meanwhile_keeps_nothing(root: Path) -> None:
    with pipeline(root) as one:
        append("pipelines/shop/features.py", "\n# changed")(root)
        one.load()
    assert entries(root) == [] and loads(root) == 1


def test_no_cache_means_none(root: Path) -> None:
    with Pipeline(load_settings(root, {}), load_contract(root, "shop"), cache=False) as one:
        one.run(one.load(), reuse=True)
    assert not (root / ".workbench/cache").exists()


def test_too_many_files_are_not_looked_at(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(root)
    monkeypatch.setattr(cache, "_MOST_FILES", 3)
    assert not kept(root)
    keep(root)
    assert not kept(root)


def test_the_code_digest_is_of_the_code(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    base = cache.code_digest(root)
    assert base == cache.code_digest(make_workspace(tmp_path / ".workbench/copy"))
    for change, counts in (
        (append("README.md", "x"), False),
        (append("data/big.csv", "x"), False),
        (append(".git/hooks/x.py", "x"), False),
        (append("pipelines/shop/model.py", "#"), True),
        (append("package/x.so", "x"), True),
        (lambda r: (r / "pipelines/shop/model.py").rename(r / "pipelines/shop/other.py"), True),
        (lambda r: (r / "linked").symlink_to("pipelines"), True),
        (lambda r: ((r / "linked").unlink(), (r / "linked").symlink_to("package")), True),
        (lambda r: (r / "dangling.py").symlink_to("nowhere"), True),
    ):
        change(root)
        now = cache.code_digest(root)
        assert (now != base) == counts
        base = now


def test_features_that_read_a_file_are_rerun_when_it_changes(tmp_path: Path) -> None:
    features = SHOP_FEATURES.replace("def build(tables):\n", "def build(tables):\n    n = float(open('data/n.csv').read())\n")
    features = features.replace('frame["hour_of_day"] =', 'frame["hour_of_day"] = n * ')
    root = make_workspace(tmp_path, features=features, contract=SHOP_CONTRACT, files={"data/n.csv": "1"})
    with pipeline(root) as one:
        first = one.run(one.load(), until="features", reuse=True).frame
        assert one.run(one.load(), until="features").opened == ["features: read: data/n.csv"]
    (root / "data/n.csv").write_text("2")
    with pipeline(root) as two:
        second = two.run(two.load(), until="features", reuse=True).frame
    assert first is not None and second is not None and (second["hour_of_day"] == 2 * first["hour_of_day"]).all()
