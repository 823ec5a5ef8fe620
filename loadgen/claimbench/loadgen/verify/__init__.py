"""Verify: a pipeline is run through seeded histories full of faults, and judged by the oracle."""
