"""From a record to what a page shows."""
