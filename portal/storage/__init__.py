"""The database: how it is reached, what a column can hold, how a transaction begins and ends."""
