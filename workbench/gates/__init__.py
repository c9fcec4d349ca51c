"""Gates: one file per rule, discovered, never listed. They run the pipeline and say what was found at n probed cutoffs."""
