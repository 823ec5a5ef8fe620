"""The service worth loading: tenants submit sessions over HTTP, the pipeline answers, administrators watch."""
