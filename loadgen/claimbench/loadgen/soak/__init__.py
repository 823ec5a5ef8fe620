"""The soak: a service under load for long, with faults and a restart of its database, then its books."""
