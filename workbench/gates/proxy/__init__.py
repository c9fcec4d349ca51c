"""Rules about a single feature that tells the target."""
