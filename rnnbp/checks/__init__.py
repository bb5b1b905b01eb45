"""Internal: the doors by which arrays, mapped files and functions of the user come in."""
