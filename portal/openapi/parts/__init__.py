"""A module for each room: its operations and its shapes."""
