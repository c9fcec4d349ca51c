"""Releases: registry and tracing (the only importers of MLflow), promotion, serving, rollback."""
