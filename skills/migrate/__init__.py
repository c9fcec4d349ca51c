"""The `migrate` skill: upstream renamed or retyped columns."""
