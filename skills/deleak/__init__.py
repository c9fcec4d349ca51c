"""The `deleak` skill: features that know the future."""
