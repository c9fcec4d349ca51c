"""The terminal screens; the only importer of Textual."""
