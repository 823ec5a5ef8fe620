"""A user's own functions as a workload."""
