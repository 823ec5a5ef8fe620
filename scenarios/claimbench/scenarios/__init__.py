"""Says what to run and what was claimed: scenario files, their model and their loader."""
