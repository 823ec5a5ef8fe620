"""Shared by all tests: a Hypothesis profile that does not take a busy machine for a slow test."""

from hypothesis import HealthCheck, settings

settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")
