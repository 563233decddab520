"""Attacks the portal in every way we know: `make security`."""
