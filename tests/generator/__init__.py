"""Random cells, models and runs, and what must hold of each; drawn from a seed, or by hypothesis."""
