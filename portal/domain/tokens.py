"""API tokens: `bpk_`, 30 random characters (178 bits) and a checksum, so that scanners can tell a leaked one.

Random enough that a plain SHA-256 is kept instead of a slow hash; the token itself is shown once.
"""

import hashlib
import re
import secrets
import string
import zlib

_PREFIX = "bpk_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 30
_CHECKSUM_LENGTH = 6
_SHOWN_LENGTH = len(_PREFIX) + 4
_FORM = re.compile(rf"{_PREFIX}[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}")


def mint() -> str:
    """Return a new token."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return f"{_PREFIX}{random}{_checksum(random)}"


def is_well_formed(token: str) -> bool:
    """Tell a token of ours from anything else, without asking the database."""
    if _FORM.fullmatch(token) is None:
        return False
    random, checksum = token[len(_PREFIX) : -_CHECKSUM_LENGTH], token[-_CHECKSUM_LENGTH:]
    return _checksum(random) == checksum


def fingerprint(token: str) -> str:
    """Return what is stored of a token, and looked for."""
    return hashlib.sha256(token.encode()).hexdigest()


def shown_prefix(token: str) -> str:
    """Return as much of a token as a list may show."""
    return token[:_SHOWN_LENGTH]


def _checksum(random: str) -> str:
    number = zlib.crc32(random.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
