"""Time is not trusted: one clock, which is the database's, and a fence before what cannot be undone."""
