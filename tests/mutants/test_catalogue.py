"""The catalogue of mutants: complete, and each twin like its leak. What the gates make of them is in `tests/corpus/leaks/`."""

from __future__ import annotations

import ast
import tomllib

import pytest

from workbench.gates.registry import rules
from workbench.mutants.base import Base
from workbench.mutants.catalogue import bases, honest, mutants, patterns
from workbench.mutants.judgement import judge
from workbench.mutants.model import Mutant, expected
from workbench.mutants.pattern import Pattern, Plant
from workbench.report.model import AuditReport, Cost

NUMBERS = range(1, 70)
"""The patterns of the reference."""


def test_every_number_is_there_once() -> None:
    assert [pattern.number for pattern in patterns()] == list(NUMBERS)


@pytest.mark.parametrize("pattern", patterns(), ids=lambda pattern: f"{pattern.number:02d}")
def test_a_pattern_is_planted_in_two_pipelines_or_says_why_not(pattern: Pattern) -> None:
    assert pattern.title and pattern.taxonomy and pattern.why
    assert (len(pattern.plants) >= 2) != bool(pattern.inapplicable)
    assert set(pattern.plants) == set(pattern.expects) and set(pattern.plants) <= set(bases())
    known = {rule.id for rule in rules()}
    for expects in pattern.expects.values():
        assert expects.rules and expects.rules <= known, expects.rules - known


@pytest.mark.parametrize("pattern", patterns(), ids=lambda pattern: f"{pattern.number:02d}")
def test_leak_and_twin_look_alike_and_are_not_the_same(pattern: Pattern) -> None:
    for use_case, (leak, twin) in pattern.plants.items():
        planted = {mutant.leak: mutant for mutant in mutants(numbers=[pattern.number], use_cases=[use_case])}
        assert planted[True].files != planted[False].files
        differs = {path for path, text in planted[True].files.items() if planted[False].files.get(path) != text}
        assert differs <= _touched(use_case, leak) | _touched(use_case, twin), differs
        assert set(planted[True].files) == set(planted[False].files)


def _touched(use_case: str, plant: Plant) -> set[str]:
    contract = {f"pipelines/{use_case}/contract.toml"} if plant.contract else set()
    return {bases()[use_case].slots()[slot] for slot in plant.slots} | contract | set(plant.files)


@pytest.mark.parametrize("mutant", [*mutants(), *(honest(name) for name in bases())], ids=lambda mutant: mutant.name)
def test_the_files_of_a_mutant_compile_and_do_not_tell(mutant: Mutant) -> None:
    assert "workbench.toml" in mutant.files
    assert tomllib.loads(mutant.files[f"pipelines/{mutant.use_case}/contract.toml"])["name"] == mutant.use_case
    for path, text in mutant.files.items():
        assert "#: slot" not in text and "#: end" not in text
        if path.endswith(".py"):
            ast.parse(text)
            assert not {"leak", "twin", "mutant", "honest"} & set(text.lower().split()), path
    assert (mutant.expects is not None) == mutant.leak


def test_slots_are_named_once_and_filled_at_their_indentation() -> None:
    base = Base(
        "tiny", {"a.py": "def f():\n    #: slot body\n    return 1\n    #: end\n", "pipelines/tiny/contract.toml": "a = 1\n"}
    )
    assert base.render({})["a.py"] == "def f():\n    return 1\n"
    assert base.render({"body": "  if True:\n      return 2\n"})["a.py"] == "def f():\n    if True:\n        return 2\n"
    assert base.render({"body": ""})["a.py"] == "def f():\n"
    assert base.render({}, [("a = 1", "a = 2")])["pipelines/tiny/contract.toml"] == "a = 2\n"
    with pytest.raises(ValueError, match="no slot `tail`"):
        base.render({"tail": "pass"})
    with pytest.raises(ValueError, match="0 times"):
        base.render({}, [("b = 1", "b = 2")])
    for known in bases().values():
        marks = sum(text.count("#: slot ") for text in known.files.values())
        assert marks == len(known.slots()) == sum(text.count("#: end\n") for text in known.files.values())


def test_a_pass_is_right_for_a_twin_and_wrong_for_a_leak() -> None:
    report = AuditReport(use_case="shop", verdict="pass", findings=[], gates=[], cost=Cost())
    leak, twin = list(mutants(numbers=[1], use_cases=["shop"]))
    assert judge(twin, report).right and not judge(leak, report).right
    assert "found nothing" in judge(leak, report).reason
    failed = report.model_copy(update={"verdict": "fail"})
    assert not judge(twin, failed).right


def test_single_names_stand_without_a_tuple() -> None:
    assert expected("a/b", columns="x", sources=("s.t", "s.u")).columns == {"x"}
