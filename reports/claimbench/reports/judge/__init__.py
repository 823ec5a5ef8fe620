"""Statistics, comparisons and verdicts: pure functions of what is stored."""
