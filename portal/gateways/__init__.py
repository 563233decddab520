"""The outside, spoken to in our words: no provider object, dict or exception leaves this package."""
