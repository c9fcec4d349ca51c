from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.changesets import new_key, reviewer, workspace
from workbench.changes import Author, Risk, RiskKind
from workbench.errors import PolicyError
from workbench.policy import Policy, load_policy
from workbench.policy.load import policy_from
from workbench.policy.rules import FLOOR

SPLITS = '[[rule]]\nname = "splits"\nwhen.kinds = ["split"]\nrequire.roles = ["domain"]\nask = ["When?"]\nexpires = "7d"\n'
FREE = '[[rule]]\nname = "free"\nwhen.kinds = ["data", "model"]\nrequire.approvals = 0\n'
PERSON = Author(name="ana", email="ana@shop.example")


def policy(*texts: str, **files: str) -> Policy:
    return policy_from(
        {**{f"{n}.toml": text.encode() for n, text in enumerate(texts)}, **{f"{k}.toml": v.encode() for k, v in files.items()}}
    )


def risks(*kinds: str, **fields: str) -> list[Risk]:
    return [Risk(kind=RiskKind(kind), reason="", **{"path": "a", **fields}) for kind in kinds]


def test_the_repository_own_policies_load_and_pass_their_cases() -> None:
    folder = Path(__file__).parents[2] / "review_policies"
    own = policy_from({path.name: path.read_bytes() for path in folder.glob("*.toml")})
    assert own.reviewers == ()
    for kind in FLOOR:
        assert own.decide(risks(kind), author=PERSON).decision == "review"
    assert own.decide(risks("data", "model", "docs"), author=PERSON).requires.gates == ["schema"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SPLITS.replace("require.roles", "require.role"), "role"),
        (SPLITS.replace("when.kinds", "when.kind"), "kind"),
        (SPLITS.replace("expires", "expire"), "expire"),
        (SPLITS.replace('"split"', '"splits"'), "splits.toml: `rule[1].when.kinds[1]` (“splits”)"),
        (SPLITS.replace('"7d"', '"soon"'), "duration"),
        (SPLITS.replace("[[rule]]", "[[rules]]"), "rules"),
        ('[[rule]]\nname = "x"\nwhen = {}\n', "say when"),
        ("[[rule", "not valid TOML"),
        ("", "rule"),
        (SPLITS + '[[rule.case]]\nchange = { kinds = ["split"], author = "agent" }\nexpect = "allow"\n', "expects allow"),
        (SPLITS + '[[rule.case]]\nchange = { kind = ["split"] }\nexpect = "review"\n', "no such key"),
        (SPLITS + SPLITS, "two rules"),
        (FREE + "when.size = 10\n", "small"),
        (FREE + 'when.findings = ["leakage/*"]\n', "findings"),
        (SPLITS + 'when.size = "< 10"\n', "large"),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_and_says_where(text: str, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(splits=text)
    assert says in caught.value.message and caught.value.hint and caught.value.code == 2


def test_missing_and_empty_directories_are_refused(tmp_path: Path) -> None:
    repo = workspace(tmp_path)
    tree = repo.tree_of("HEAD")
    rules = [path for path in repo.list_tree(tree) if path.startswith("review_policies/")]
    for gone in (rules, [path for path in rules if "reviewers" not in path]):
        with pytest.raises(PolicyError):
            load_policy(repo, repo.write_tree(tree, dict.fromkeys(gone)))


@pytest.mark.parametrize(
    ("kinds", "expected", "approvals"),
    [
        (["split"], "review", 1),
        (["data"], "allow", 0),
        (["data", "split"], "review", 1),
        (["data", "serving"], "review", 1),
        (["docs"], "allow", 0),
        (["docs", "test"], "review", 1),
        ([], "allow", 0),
        (["policy"], "review", 2),
        (["split", "metric"], "review", 2),
        (["unknown"], "review", 1),
    ],
)  # fmt: skip
def test_the_strictest_wins_and_no_rule_means_review(kinds: list[str], expected: str, approvals: int) -> None:
    decision = policy(SPLITS, FREE).decide(risks(*kinds), author=PERSON)
    assert (decision.decision, decision.requires.approvals) == (expected, approvals)
    assert decision.reasons


def test_a_policy_file_cannot_lower_the_floor() -> None:
    everything = ", ".join(f'"{kind}"' for kind in RiskKind)
    lax = policy(f'[[rule]]\nname = "all"\nwhen.kinds = [{everything}]\nrequire.approvals = 0\n')
    for kind in RiskKind:
        assert lax.decide(risks(kind), author=PERSON).decision == ("review" if kind in FLOOR else "allow")


def test_every_key_of_when_has_to_match() -> None:
    text = (
        '[[rule]]\nname = "x"\nwhen.kinds = ["data"]\nwhen.paths = ["pipelines/**/*.py"]\nwhen.stages = ["load"]\n'
        'when.use_cases = ["sales"]\nwhen.authors = ["agent"]\nwhen.size = ">= 10"\nwhen.findings = ["leakage/*"]\n'
    )
    found = policy(text)
    agent = Author(name="p", agent=True)
    good = {"path": "pipelines/a/b/load.py", "stage": "load", "use_case": "sales"}

    def status(given: dict[str, str], author: Author = agent, size: int = 10, findings: tuple[str, ...] = ("leakage/x",)) -> str:
        return found.decide(risks("data", **given), author=author, size=size, findings=findings).rules[0].status

    assert status(good) == "review"
    assert status({**good, "path": "pipelines/a/x.txt"}) == "skipped"
    assert status({**good, "stage": "fit"}) == "skipped"
    assert status({**good, "use_case": "other"}) == "skipped"
    assert status(good, author=PERSON) == "skipped"
    assert status(good, size=9) == "skipped"
    assert status(good, findings=()) == "skipped"


def test_requirements_add_up_over_the_rules_that_apply() -> None:
    other = '[[rule]]\nname = "b"\nwhen.paths = ["a"]\n'
    other += 'require = { approvals = 3, roles = ["lead"], gates = ["schema"] }\nexpires = "1d"\n'
    decision = policy(SPLITS, other).decide(risks("split"), author=PERSON)
    assert decision.requires.model_dump() == {
        "approvals": 3, "roles": ["domain", "lead"], "gates": ["schema"], "questions": ["When?"],
    }  # fmt: skip
    assert decision.expires == timedelta(days=1)


def test_cleared_risks_need_nobody() -> None:
    cleared = [risk.model_copy(update={"cleared": True}) for risk in risks("split")]
    assert policy(SPLITS).decide(cleared, author=PERSON).decision == "allow"


def test_reviewers_are_told_apart(tmp_path: Path) -> None:
    key, other = new_key(tmp_path / "a"), new_key(tmp_path / "b")
    two = reviewer("ana", key, "domain") + reviewer("bo", other, "lead")
    assert [found.name for found in policy(SPLITS, reviewers=two).reviewers] == ["ana", "bo"]
    for wrong in (
        reviewer("ana", key) + reviewer("bo", key),
        reviewer("ana", key) + reviewer("Ana", other).replace('"Ana"', '"bo"'),
        reviewer("ana", "ssh-ed25519 nonsense"),
        reviewer("ana", "ssh-rsa " + key.split()[1]),
        reviewer("ana", key) + "[[reviewer]]\nnames = 1\n",
    ):
        with pytest.raises(PolicyError):
            policy(SPLITS, reviewers=wrong)


_KINDS = st.lists(st.sampled_from([kind.value for kind in RiskKind]), max_size=5)


@given(first=_KINDS, more=_KINDS, size=st.integers(0, 50), grown=st.integers(0, 50))
@settings(max_examples=150, deadline=None)
def test_more_risk_never_asks_for_less(first: list[str], more: list[str], size: int, grown: int) -> None:
    small_only = '[[rule]]\nname = "small"\nwhen.kinds = ["serving", "test"]\nwhen.size = "<= 20"\nrequire.approvals = 0\n'
    large = '[[rule]]\nname = "large"\nwhen.paths = ["**"]\nwhen.size = "> 30"\nrequire.approvals = 2\n'
    found = policy(SPLITS, FREE, small_only, large)
    before = found.decide(risks(*first), author=PERSON, size=size)
    after = found.decide(risks(*first, *more), author=PERSON, size=size + grown)
    assert after.requires.approvals >= before.requires.approvals
    assert set(after.requires.questions) >= set(before.requires.questions)
    assert set(after.requires.gates) >= set(before.requires.gates)
