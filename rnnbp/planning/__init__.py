"""Internal: bytes and seconds predicted, and the fastest schedule within a budget."""
