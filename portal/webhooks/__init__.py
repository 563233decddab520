"""What Stripe tells us: noted at once, worked off afterwards, and found out where it could not tell."""
