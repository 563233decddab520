"""The billing profile: who is billed, as the next legal invoice will print it."""
