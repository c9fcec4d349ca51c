"""Policy: review_policies/ → what a change needs, and why."""

from workbench.policy.decide import Decision, Requirement, RuleResult
from workbench.policy.load import DIRECTORY, Policy, load_policy
from workbench.policy.reviewers import REVIEWERS, Reviewer

__all__ = ["DIRECTORY", "REVIEWERS", "Decision", "Policy", "Requirement", "Reviewer", "RuleResult", "load_policy"]
