"""Reports: findings and sessions → text, JSON, SARIF, JUnit, GitHub annotations, HTML. One renderer per file."""
