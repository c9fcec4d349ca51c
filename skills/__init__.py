"""The workspace's skills, one folder each: an Agent Skill and an importable package at once. Locked by `skills.lock`."""
