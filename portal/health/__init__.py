"""Whether the process, its database and the clock are well."""
