"""Rules about scores that can't be believed or aren't good enough."""
