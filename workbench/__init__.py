"""Workbench: an agent moves fast on a real ML pipeline, people keep the decisions that need domain knowledge."""

__version__ = "0.1.0"
