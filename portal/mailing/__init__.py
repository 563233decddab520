"""Mail that waits to be sent, for every room."""
