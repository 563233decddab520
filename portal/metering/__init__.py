"""How usage gets in: imports of cost-and-usage exports, and the clock of time-priced products."""
