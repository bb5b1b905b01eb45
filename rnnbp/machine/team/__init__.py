"""Internal: threads that run jobs in machine code together."""
