"""Internal: the commands train, sample, plan and compare."""
