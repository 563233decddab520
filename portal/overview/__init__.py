"""The start page, above the rooms, and the addresses that operations watch."""
