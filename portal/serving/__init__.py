"""Serving in production: a front that waits for slow clients, and a supervisor of processes that answer."""
