"""Internal: modules of PyTorch as models and back, and weights under its names."""
