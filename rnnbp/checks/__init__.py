"""Internal: checks of arrays, mapped files and functions that users pass."""
