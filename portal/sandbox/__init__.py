"""Stand-ins for the portal's providers, served on loopback only and never imported by the portal."""
