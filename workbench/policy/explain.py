"""Why each rule of a policy applies to a change or doesn't, key by key. What is decided is `decide.py`'s."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from workbench.changes import Risk
from workbench.policy.rules import Circumstances, Rule, When, applies


class Explanation(BaseModel):
    """One rule: whether it applies, to which risks (`kind path`), and why not where it doesn't."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    applies: bool
    risks: list[str]
    why: str


def explained(rules: Sequence[Rule], risks: Sequence[Risk], around: Circumstances) -> list[Explanation]:
    """Every rule, in the policy's order; cleared risks need nobody and are left out."""
    standing = [risk for risk in risks if not risk.cleared]
    return [_explained(rule, standing, around) for rule in rules]


def _explained(rule: Rule, standing: Sequence[Risk], around: Circumstances) -> Explanation:
    met = [risk for risk in standing if applies(rule.when, risk, around)]
    if met:
        places = [f"{risk.kind.value} {risk.path}".rstrip() for risk in met]
        why = f"every key given is met by {len(met)} of {len(standing)} risks"
        return Explanation(name=rule.name, applies=True, risks=list(dict.fromkeys(places)), why=why)
    return Explanation(name=rule.name, applies=False, risks=[], why=_why_not(rule.when, standing, around))


def _why_not(when: When, standing: Sequence[Risk], around: Circumstances) -> str:
    if not standing:
        return "the change has no risk left"
    keys = sorted(when.model_fields_set)
    unmet = [key for key in keys if not any(applies(_only(when, key), risk, around) for risk in standing)]
    if not unmet:
        return f"no single risk meets {' and '.join(f'when.{key}' for key in keys)} together"
    return "; ".join(f"nothing meets when.{key} = {_shown(getattr(when, key))}" for key in unmet)


def _only(when: When, key: str) -> When:
    """The same condition with one key."""
    return When.model_construct(_fields_set={key}, **{key: getattr(when, key)})


def _shown(value: object) -> str:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], int):
        least, most = value
        return f"at least {least} lines" if most is None else f"at most {most} lines"
    return ", ".join(str(each) for each in value) if isinstance(value, tuple) else str(value)
