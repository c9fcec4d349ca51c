"""Pipelines: the contract, the stages, the as-of world, and the runner with its content-addressed cache."""
