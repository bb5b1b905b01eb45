"""Internal: what errors say of names and arguments of other libraries, and of old ones."""
