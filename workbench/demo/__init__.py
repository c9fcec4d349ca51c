"""The demo: the story this product exists for, run for real on a copy of the workspace; only its beginning is planted."""
