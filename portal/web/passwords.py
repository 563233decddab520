"""Passwords: argon2id, upgraded at sign-in when our parameters grow; unknown people cost the same time."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN = 12
LENGTH_MAX = 256
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY = _hasher.hash("nobody has this password")


def hashed(password: str) -> str:
    """Return what is stored of a password."""
    return _hasher.hash(password)


def is_right(password: str, stored: str | None) -> bool:
    """Compare a password with a stored hash; None stands for somebody who does not exist."""
    try:
        _hasher.verify(stored or _NOBODY, password[:LENGTH_MAX])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Tell whether a hash was made with weaker parameters than ours are now."""
    return _hasher.check_needs_rehash(stored)
