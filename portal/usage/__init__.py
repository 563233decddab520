"""What was used, hour by hour, and what it cost: by project, by product, down to a single hour."""
