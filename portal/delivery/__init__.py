"""A final invoice becomes a legally binding document, and what happens to the document comes back."""
