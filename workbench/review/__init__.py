"""Review: queue, sign-offs, ledger, apply, verify. What people decided, on which bytes, and the one way to apply it."""
