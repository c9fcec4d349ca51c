"""The `upgrade` skill: code that uses what the installed framework no longer has."""
