"""The batch pipeline as a workload: its databases, its stages, and what counts as its work."""
