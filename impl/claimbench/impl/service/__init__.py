"""The service worth loading: tenants submit sessions, the pipeline answers, administrators watch."""
