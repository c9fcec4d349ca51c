"""Static leakage rules for Python files and notebooks, by data flow; needs no contract and runs nothing.

`check` lints files; `interpreter` and its neighbours follow the values; one rule per file lives in `rules/`.
"""
