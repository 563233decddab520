"""How usage gets in: what collectors report, imports of exports, and the clock of time-priced products."""
