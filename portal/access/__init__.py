"""Who may enter: passwords, sessions and tokens, what each may do, and whose rows a request may write."""
