"""The person: signing in and out, and how the portal looks for them."""
