"""A month that is over becomes one final invoice per organization, proved by computing it anew."""
