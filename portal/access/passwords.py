"""Passwords: argon2id, upgraded at sign-in when our parameters grow; unknown people cost the same time."""

import unicodedata
from functools import cache
from itertools import islice

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN = 12
LENGTH_MAX = 256
_DIFFERENT_MIN = 5
_COMMON_COUNT = 3000
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY = _hasher.hash("nobody has this password")


def hashed(password: str) -> str:
    """Return what is stored of a password."""
    return _hasher.hash(_normal(password))


def is_right(password: str, stored: str | None) -> bool:
    """Compare a password with a stored hash; None stands for an account that does not exist."""
    try:
        _hasher.verify(stored or _NOBODY, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Tell whether a hash was made with weaker parameters than ours are now."""
    return _hasher.check_needs_rehash(stored)


def problem_with(password: str) -> str | None:
    """Return why a new password cannot be used, or None. Any character will do; length is what counts."""
    if len(password) < LENGTH_MIN:
        return f"has fewer than {LENGTH_MIN} characters"
    if len(_normal(password)) > LENGTH_MAX:
        return f"has more than {LENGTH_MAX} characters"
    is_common = not _common().isdisjoint({password.lower(), _bare(password)})
    if is_common or len(set(password)) < _DIFFERENT_MIN:
        return "is one of the first that somebody would guess"
    return None


def _normal(password: str) -> str:
    """One form for what keyboards write in several, such as an accent of its own."""
    return unicodedata.normalize("NFKC", password)


def _bare(password: str) -> str:
    """Undo what people do to a short password to make it long: capitals, and digits or signs at its end."""
    return password.lower().rstrip("0123456789!?.,-_*# ")


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 — large: read when first needed

    return frozenset(islice(FREQUENCY_LISTS["passwords"], _COMMON_COUNT))
