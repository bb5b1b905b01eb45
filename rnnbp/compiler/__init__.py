"""Internal: from a cell to its forward and backward code, rewritten by rules."""
