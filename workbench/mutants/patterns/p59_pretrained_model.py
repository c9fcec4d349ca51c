"""59: a pretrained model that has read about the test period."""

from workbench.mutants.pattern import Pattern

pattern = Pattern(
    number=59,
    title="A pretrained model saw the test period",
    taxonomy="L3.1",
    why="An embedding or language model trained after the test period knows how it turned out.",
    inapplicable=(
        "Nothing in a contract says when a pretrained model's own training ended, and no changed world changes "
        "what it has read. Declared as a source with its release date as `known_at`, its outputs are judged like "
        "every other column (pattern 18)."
    ),
)
