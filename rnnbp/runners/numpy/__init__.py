"""Internal: step programs, Python source that calls NumPy on arrays that are there."""
