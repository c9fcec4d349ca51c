"""One static rule per file; `registry` finds them. Nothing else lives here."""
