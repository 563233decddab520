"""Legal invoices: EasyBill's documents, from our mirror, beside the lines they come from."""
