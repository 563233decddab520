"""One consistent copy of everything while the portal runs, signed, and the way back."""
