"""The gate's verbs: check, baseline, recheck, calibrate, selftest; and what they measure beside a run."""
