"""What an organization subscribes to, for which project, since when and at which price."""
