"""The billing profile, as the next legal invoice will print it."""
