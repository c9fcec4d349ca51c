"""One file per base pipeline, each with `base = Base(...)`; found by the catalogue."""
