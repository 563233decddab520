"""Signing in and out, typing the password again, and getting back in without it."""
