"""Open-arrival load: a schedule that does not wait for the service, and latency from the intended start.

Only `user` (and the locustfile) imports Locust, because it patches the process that imports it; the
rest is pure, or starts Locust as a process of its own.
"""
