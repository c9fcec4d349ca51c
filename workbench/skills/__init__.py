"""Versioned skills: discover, lock, run. The skills themselves live in the workspace's `skills/` folder."""
