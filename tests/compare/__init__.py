"""Old code and new code answer the same walk over one database: proof that nothing changed for anybody."""
