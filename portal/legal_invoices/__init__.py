"""Legal invoices: the provider's documents, from our copy, beside the lines they come from."""
