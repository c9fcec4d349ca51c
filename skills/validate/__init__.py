"""The `validate` skill; what it does is in SKILL.md, how in skill.py."""
