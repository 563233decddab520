"""The person's account: sessions, password, appearance; and the directory of organizations and people."""
