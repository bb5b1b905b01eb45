"""Internal: helpers without arrays, as locks across forks, bars, reprs, lazy values."""
