"""Kills the monthly run everywhere, races it and stops its database: `make crash`."""
