"""58: the test is looked at again and again while the code is edited."""

from workbench.mutants.pattern import Pattern

pattern = Pattern(
    number=58,
    title="Test reuse over an agent's iterations",
    taxonomy="L1.1",
    why="A session chooses among its own edits by their test score.",
    inapplicable=(
        "It is no property of one pipeline: each version by itself is honest. The ledger of test touches counts "
        "how often a session has looked at a test score and holds it to a budget."
    ),
)
