"""Skills on disk: front matter, tree id, lock."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import ConfigError, Refusal, UsageError
from workbench.skills import lock
from workbench.skills.discover import discover, find, names
from workbench.skills.needs import Needs, read_needs
from workbench.skills.tree import File, read_folder, tree_id

FRONT = """---
name: greet
description: Greets.
metadata:
  version: "1.2.3"
  entry: "skill:run"
  reads: "code, history"
  seconds: "2.5"
---

# Greet
"""


def make_skill(root: Path, front: str = FRONT, name: str = "greet", **files: str) -> Path:
    folder = root / "skills" / name
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(front)
    (folder / "skill.py").write_text("x = 1\n")
    for path, text in files.items():
        (folder / path).write_text(text)
    return folder


def test_a_skill_is_what_its_front_matter_says(tmp_path):
    make_skill(tmp_path)
    (tmp_path / "skills" / "__pycache__").mkdir()
    (tmp_path / "skills" / "__init__.py").touch()
    (skill,) = discover(tmp_path).values()
    assert (skill.name, skill.version, skill.entry, skill.description) == ("greet", "1.2.3", "skill:run", "Greets.")
    assert skill.needs == Needs(reads=("code", "history"), seconds=2.5)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: greet", "name: other", "`name` must be the folder's name"),
        ("name: greet", "names: greet", "`names` is not a field"),
        ("name: greet", "name: [", "not valid YAML at line"),
        ('version: "1.2.3"', "version: 1.2", "`metadata.version` must be a string"),
        ('version: "1.2.3"', 'version: "1.2"', "semantic version"),
        ('version: "1.2.3"', 'versions: "1.2.3"', "semantic version"),
        ("description: Greets.", 'description: ""', "`description`"),
        ("description: Greets.", f"description: {'x' * 1025}", "`description`"),
        ("description: Greets.", "description: Greets.\nversion: 1", "`version` is not a field"),
        ("skill:run", "other:run", "`metadata.entry`"),
        ("skill:run", "run", "`metadata.entry`"),
        ("skill:run", "../../evil:run", "`metadata.entry`"),
        ('seconds: "2.5"', 'seconds: "soon"', "`metadata.seconds`"),
        ('reads: "code, history"', 'reads: "code, everything"', "`metadata.reads` has the word 'everything'"),
        ('reads: "code, history"', 'reads: "cache"', "`metadata.reads` has the word 'cache'"),
        ('seconds: "2.5"', 'writes: "code"', "`metadata.writes` has the word 'code'"),
        ('seconds: "2.5"', 'network: "any"', "`metadata.network` has the word 'any'"),
        ('seconds: "2.5"', 'seconds: "inf"', "`metadata.seconds`"),
        ("---\n\n# Greet", "\n# Greet", "is missing"),
        ("metadata:", "metadata: 3\nallowed-tools:", "`metadata` must be a mapping"),
    ],
)
def test_a_wrong_front_matter_is_named_by_file_and_field(tmp_path, old, new, says):
    assert old in FRONT
    make_skill(tmp_path, FRONT.replace(old, new))
    with pytest.raises(ConfigError, match=r"skills/greet/SKILL\.md") as error:
        discover(tmp_path)
    assert says in error.value.message


def test_a_name_of_several_words_is_no_package(tmp_path):
    make_skill(tmp_path, FRONT.replace("name: greet", "name: greet-all"), name="greet-all")
    with pytest.raises(ConfigError, match="one lower-case word"):
        discover(tmp_path)


def test_a_folder_without_a_description_is_refused_not_skipped(tmp_path):
    make_skill(tmp_path)
    (tmp_path / "skills" / "half").mkdir()
    with pytest.raises(ConfigError, match=r"skills/half has no SKILL\.md"):
        discover(tmp_path)
    assert names(tmp_path) == ["greet", "half"]
    assert find(tmp_path, "greet").name == "greet"


def test_an_unknown_skill_names_those_there_are(tmp_path):
    make_skill(tmp_path)
    with pytest.raises(UsageError) as error:
        find(tmp_path, "../greet")
    assert "greet" in error.value.hint
    with pytest.raises(ConfigError, match="skills/"):
        discover(tmp_path / "elsewhere")


# --- the tree id -----------------------------------------------------------------------------------------------------


def git_tree(folder: Path) -> str:
    def git(*words: str) -> str:
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_DIR": str(folder.parent / "git")}
        done = subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q", "--bare", str(folder.parent / "git"))
    git("-c", "core.bare=false", "-c", "core.autocrlf=false", "--work-tree", str(folder), "add", "-A", "-f")
    return git("write-tree")


def test_the_tree_id_is_the_one_git_gives(tmp_path):
    folder = make_skill(tmp_path)
    # Names whose order differs between "as bytes" and git's "folders end with a slash".
    for path in ("a", "a.b/x", "a0", "b/c/d.txt", "b-c", "ö/ü"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (folder / "run.sh").write_text("#!/bin/sh\r\n")
    (folder / "run.sh").chmod(0o755)
    assert tree_id(read_folder(folder)) == git_tree(folder)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text("abc.-/0", min_size=1, max_size=5), st.binary(max_size=3), min_size=1, max_size=4))
def test_any_change_of_path_or_content_changes_the_id(files):
    plain = {path.strip("/") or "x": File("100644", content) for path, content in files.items() if "//" not in path}
    before = tree_id(plain)
    for path, file in plain.items():
        assert tree_id({**plain, path: File("100644", file.content + b"!")}) != before
        assert tree_id({**plain, path: File("100755", file.content)}) != before


def test_caches_of_python_are_left_out_and_links_refused(tmp_path):
    folder = make_skill(tmp_path)
    before = tree_id(read_folder(folder))
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "skill.cpython-311.pyc").write_bytes(b"evil")
    (folder / "skill.pyc").write_bytes(b"evil")
    assert tree_id(read_folder(folder)) == before
    (folder / "link.py").symlink_to("/etc/passwd")
    with pytest.raises(ConfigError, match="not a regular file"):
        read_folder(folder)
    (folder / "link.py").unlink()
    (folder / "inner").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ConfigError, match="not a regular file"):
        read_folder(folder)


# --- the lock --------------------------------------------------------------------------------------------------------


def test_locked_bytes_pass_and_any_other_byte_does_not(tmp_path):
    folder = make_skill(tmp_path)
    with pytest.raises(Refusal, match=r"not in skills\.lock"):
        lock.check(tmp_path, "greet")
    lock.write(tmp_path)
    lock.check(tmp_path)
    lock.check(tmp_path, "greet")
    (folder / "skill.py").write_text("x = 2\n")
    with pytest.raises(Refusal, match="differ") as error:
        lock.check(tmp_path, "greet")
    assert "skill lock" in error.value.hint
    (folder / "skill.py").write_text("x = 1\n")
    lock.check(tmp_path)
    (folder / "more.py").touch()
    with pytest.raises(Refusal, match="differ"):
        lock.check(tmp_path)


def test_the_lock_is_sorted_and_the_same_twice(tmp_path):
    make_skill(tmp_path)
    make_skill(tmp_path, FRONT.replace("greet", "adieu"), name="adieu")
    lock.write(tmp_path)
    text = (tmp_path / "skills.lock").read_text()
    assert text.index("[skills.adieu]") < text.index("[skills.greet]")
    assert lock.read(tmp_path)["greet"] == lock.Locked("1.2.3", find(tmp_path, "greet").tree_id)
    lock.write(tmp_path)
    assert (tmp_path / "skills.lock").read_text() == text
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_another_version_is_not_the_locked_one(tmp_path):
    folder = make_skill(tmp_path)
    lock.write(tmp_path)
    (folder / "SKILL.md").write_text(FRONT.replace("1.2.3", "1.2.4"))
    with pytest.raises(Refusal, match=r"1\.2\.4 is not in skills\.lock, which has 1\.2\.3"):
        lock.check(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "format = 1\n[skills",
        "format = 2\n",
        "",
        "format = 1\nskill = 1\n",
        'format = 1\n[skills.greet]\n"1.2.3" = "short"\n',
        "format = 1\n[skills.greet]\n",
        f'format = 1\n[skills.greet]\n"1" = "{"a" * 40}"\n"2" = "{"a" * 40}"\n',
    ],
)
def test_a_lock_that_cannot_be_used_stops_everything(tmp_path, text):
    make_skill(tmp_path)
    (tmp_path / "skills.lock").write_text(text)
    with pytest.raises(ConfigError, match=r"skills\.lock"):
        lock.check(tmp_path)


def test_what_skills_said_in_sentences_once_still_has_a_meaning():
    """Such versions come back from git when a session is replayed."""
    old = {"reads": "the use case's code and source tables", "writes": "none", "network": "none", "seconds": "900"}
    assert read_needs(old) == Needs(reads=("code", "history"), writes=("cache",), seconds=900) and not read_needs(old).effects
    old = {"reads": "the model registry", "writes": "the model registry and the release history"}
    assert read_needs(old).effects == ("registry",)


def test_a_version_means_the_same_bytes_for_ever(tmp_path):
    """Bytes that git keeps get the next version when they change; what was never committed is locked anew."""
    folder = make_skill(tmp_path)
    first = lock.write(tmp_path)["greet"]
    (folder / "skill.py").write_text("x = 2\n")
    assert lock.write(tmp_path)["greet"].versions == {"1.2.3": find(tmp_path, "greet").tree_id}
    (folder / "skill.py").write_text("x = 1\n")
    assert lock.write(tmp_path)["greet"] == first
    (folder / "skill.py").write_text("x = 3\n")
    second = lock.write(tmp_path, lambda tree: tree == first.tree)["greet"]
    assert find(tmp_path, "greet").version == second.version == "1.2.4" and second.older == {"1.2.3": first.tree}
    assert lock.read(tmp_path)["greet"].versions == second.versions
    lock.check(tmp_path)


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 3), min_size=1, max_size=6, unique=True))
def test_the_newest_version_is_the_highest_by_number(numbers):
    versions = {".".join(map(str, one)): "0" * 40 for one in numbers}
    assert lock._entry(versions).version == ".".join(map(str, max(numbers)))
    assert lock._entry({"1.0.0": "0" * 40, "1.0.0-rc1": "0" * 40}).version == "1.0.0"
