"""The `explain` skill: a failure → causes with evidence and cures."""
