"""Measures the portal beside its yardsticks: `make bench`."""
