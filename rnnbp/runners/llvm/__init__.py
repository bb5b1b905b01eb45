"""Internal: kernels of cells in machine code."""
