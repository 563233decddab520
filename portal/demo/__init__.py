"""A portal to look at: organizations, people and usage made by code, and one command that serves it all."""
