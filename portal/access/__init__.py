"""Access: sign-in, identity, permissions and limits; the one organization that a request may write to."""
