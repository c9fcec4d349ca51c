"""Running skills: exactly the locked bytes, a validated input, an answer."""

import py_compile
import sys
from pathlib import Path

import pytest

from workbench.errors import ConfigError, Refusal, UsageError
from workbench.settings import Settings
from workbench.skills import lock
from workbench.skills.run import SkillContext, load, run_skill

FRONT = '---\nname: greet\ndescription: Greets.\nmetadata:\n  version: "1.0.0"\n---\n'
CODE = """
from __future__ import annotations
from pydantic import BaseModel, ConfigDict
from skills.greet.words import GREETING
from .words import GREETING as SAME

class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    times: int = 1

class Output(BaseModel):
    ok: bool = True
    said: str
    use_case: str

def run(context, input):
    context.say("greeting")
    assert GREETING is SAME
    return Output(ok=input.times > 0, said=GREETING * input.times + input.name, use_case=context.use_case)
"""


@pytest.fixture
def root(tmp_path):
    return make(tmp_path)


def make(root: Path, code: str = CODE, words: str = "GREETING = 'hello '\n") -> Path:
    folder = root / "skills" / "greet"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(FRONT)
    (folder / "__init__.py").touch()
    (folder / "skill.py").write_text(code)
    (folder / "words.py").write_text(words)
    (root / "workbench.toml").touch()
    lock.write(root)
    return root


def context(root: Path, **given) -> SkillContext:
    return SkillContext(Settings(root=root), root, "shop", **given)


def test_a_skill_answers_and_says_which_bytes_answered(root):
    heard = []
    ran = run_skill(context(root, progress=heard.append), "greet", {"name": "ana", "times": "2"})
    assert ran.output == {"ok": True, "said": "hello hello ana", "use_case": "shop"} and ran.ok
    assert ran.input == {"name": "ana", "times": 2}
    assert (ran.version, ran.tree_id) == ("1.0.0", lock.read(root)["greet"].tree)
    assert heard == ["greeting"] and ran.seconds >= 0


def test_a_no_is_an_answer(root):
    assert not run_skill(context(root), "greet", {"name": "ana", "times": 0}).ok


@pytest.mark.parametrize(
    ("given", "says"),
    [({}, "`name`"), ({"name": "a", "more": 1}, "`more`"), ({"name": "a", "times": "x\x1b"}, "`times`"), ({"name": 3}, "`name`")],
)
def test_a_bad_field_is_a_usage_error_that_names_it(root, given, says):
    with pytest.raises(UsageError, match=says) as error:
        run_skill(context(root), "greet", given)
    assert "name, times" in error.value.hint and "\x1b" not in error.value.message


def test_changed_bytes_do_not_run(root):
    (root / "skills" / "greet" / "words.py").write_text("GREETING = 'boo '\n")
    with pytest.raises(Refusal, match="differ"):
        run_skill(context(root), "greet", {"name": "ana"})


def test_a_stale_bytecode_file_never_runs(root, tmp_path):
    folder = root / "skills" / "greet"
    evil = tmp_path / "evil.py"
    evil.write_text("GREETING = 'evil '\n")
    for target in (folder / "words.pyc", folder / "__pycache__" / f"words.{sys.implementation.cache_tag}.pyc"):
        py_compile.compile(str(evil), cfile=str(target), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert run_skill(context(root), "greet", {"name": "ana"}).output["said"] == "hello ana"


def test_a_bytecode_file_is_no_module(tmp_path):
    root = make(tmp_path / "w")
    folder = root / "skills" / "greet"
    (tmp_path / "evil.py").write_text("GREETING = 'evil '\n")
    py_compile.compile(str(tmp_path / "evil.py"), cfile=str(folder / "words.pyc"))
    (folder / "words.py").unlink()
    lock.write(root)
    with pytest.raises(ConfigError, match="can't be imported"):
        run_skill(context(root), "greet", {"name": "ana"})


def test_skills_of_two_workspaces_do_not_mix(tmp_path):
    one = make(tmp_path / "one")
    two = make(tmp_path / "two", words="GREETING = 'bye '\n")
    for _ in range(2):
        assert run_skill(context(one), "greet", {"name": "a"}).output["said"] == "hello a"
        assert run_skill(context(two), "greet", {"name": "a"}).output["said"] == "bye a"


def test_the_import_system_is_left_as_it_was(root):
    import skills

    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "skills"}
    run_skill(context(root), "greet", {"name": "a"})
    after = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "skills"}
    assert before == after and sys.modules["skills"] is skills
    assert not any(type(finder).__module__ == "workbench.skills.run" for finder in sys.meta_path)


def test_a_lazy_import_inside_run_is_of_the_same_bytes(tmp_path):
    code = CODE.replace("    context.say", "    from skills.greet.late import MARK\n    context.say").replace(
        "use_case=context.use_case", "use_case=MARK"
    )
    root = make(tmp_path, code)
    (root / "skills" / "greet" / "late.py").write_text("MARK = 'late'\n")
    lock.write(root)
    assert run_skill(context(root), "greet", {"name": "a"}).output["use_case"] == "late"


def test_another_skill_is_not_importable(tmp_path):
    root = make(tmp_path, "from skills.other.skill import x\n" + CODE.replace("from __future__ import annotations", ""))
    with pytest.raises(ConfigError, match=r"skills\.other"):
        run_skill(context(root), "greet", {"name": "a"})


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def run(:\n", "SyntaxError"),
        ("import no_such_module_anywhere\n", "ModuleNotFoundError"),
        ("x = 1\n", "has no `Input`"),
        (CODE.replace("class Input(BaseModel)", "class Input"), "has no `Input`|can't be imported"),
        (CODE.replace("def run(", "def go("), "has no `run`"),
    ],
)
def test_a_skill_that_cannot_be_used_says_why(tmp_path, code, says):
    root = make(tmp_path, code)
    with pytest.raises(ConfigError, match=says):
        run_skill(context(root), "greet", {"name": "a"})


def test_an_answer_of_another_type_is_refused(tmp_path):
    root = make(tmp_path, CODE.replace("return Output(", "return dict("))
    with pytest.raises(ConfigError, match="returned dict instead of its Output"):
        run_skill(context(root), "greet", {"name": "a"})


def test_bytes_that_change_between_check_and_load_do_not_run(root):
    expected = lock.read(root)["greet"].tree
    (root / "skills" / "greet" / "words.py").write_text("GREETING = 'boo '\n")
    with pytest.raises(ConfigError, match="changed while"):
        load(root / "skills" / "greet", expected)
