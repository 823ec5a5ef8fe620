"""A user's own code in a user's own tests: counting calls, comparing what they do, the pytest plugin."""
