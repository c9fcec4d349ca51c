"""Rules by their files: a module of a package that has a `rule` is a rule, and its docstring is the rule's page."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

Kind = TypeVar("Kind")


def rules_in(package: ModuleType, kind: type[Kind]) -> Iterator[tuple[Kind, str]]:
    """Each rule of this kind in the package's modules, with its page; by file name."""
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        rule = getattr(loaded, "rule", None)
        if isinstance(rule, kind):
            yield rule, inspect.cleandoc(loaded.__doc__ or "")
