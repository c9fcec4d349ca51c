"""Releases: registry (the only importer of MLflow), promotion, serving, rollback."""
