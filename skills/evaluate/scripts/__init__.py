"""Entry points for any shell."""
