"""Pure rules of billing: cents, hours, prices, permissions; no database, no network."""
