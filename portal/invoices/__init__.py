"""Internal invoices: what each month cost, line by line; every line leads to its hours."""
