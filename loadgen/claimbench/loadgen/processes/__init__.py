"""Processes that are started, spoken to, and ended."""
