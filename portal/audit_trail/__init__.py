"""The audit trail as its organization reads it: each change of money or access, with its actor."""
