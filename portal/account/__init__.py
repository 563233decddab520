"""The person's account: sessions, password, appearance; and who exists (directory)."""
