"""The database: its session, its column types, and how a transaction begins and ends."""
