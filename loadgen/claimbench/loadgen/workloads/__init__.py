"""The kinds of work that the harness can measure: the port, and a folder for each workload."""
