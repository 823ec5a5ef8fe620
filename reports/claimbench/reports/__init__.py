"""Judges and draws: the result record, statistics, verdicts and renderers."""
