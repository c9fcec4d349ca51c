"""The loop: build, deploy, diagnose, fix, with gates between; the only importer of LangGraph. It carries, it doesn't decide."""
