"""Stripe's events: stored at once, processed afterwards, and fetched where they did not arrive."""
