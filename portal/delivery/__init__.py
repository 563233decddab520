"""A final invoice becomes a legally binding document, and its payment and cancellation come back."""
