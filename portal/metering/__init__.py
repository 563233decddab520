"""Metering: reports of collectors, imports of exports, and the clock of time-priced products."""
