"""Drives and measures: databases, probes, passes, the fake OpenAI and the command line."""
