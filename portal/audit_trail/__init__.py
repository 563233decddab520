"""The audit trail as its organization reads it: who changed money or access, and how."""
