"""Rules about values known too late, on any way into a feature, a fit or a score."""
