"""Internal: the commands train, sweep, sample, plan, compare, show and convert."""
