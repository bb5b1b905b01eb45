"""Internal: what x, target, mask and loss of a run may be, checked and cut into chunks."""
