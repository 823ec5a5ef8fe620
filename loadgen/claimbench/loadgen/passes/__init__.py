"""The passes of a run: equivalence, counting, observation, memory, timing."""
