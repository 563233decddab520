"""Usage and its cost: by project, by product, down to a single hour."""
