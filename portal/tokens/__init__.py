"""API tokens: a person makes them for programs, sees when they were last used, and revokes them."""
