"""Internal: the commands train, sample, plan, compare, show and convert."""
