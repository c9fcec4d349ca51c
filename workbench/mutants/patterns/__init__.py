"""One file per leak pattern, `pNN_name.py`, each with `pattern = Pattern(...)`; found by the catalogue."""
