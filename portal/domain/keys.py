"""Keyed hashes (HMAC-SHA-256): who has what they vouch for, but not the key, can make none.

A text has a purpose, so that a hash made for one thing is never one of another.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of an installation, the newest first: it signs, and each of them checks."""

    secrets: Sequence[str] = field(repr=False)

    def sign(self, purpose: str, text: str) -> str:
        """Return the keyed hash of a text as 64 hexadecimal digits."""
        return _hash(self.secrets[0], purpose, text)

    def vouch_for(self, purpose: str, text: str, signature: str) -> bool:
        """Tell whether one of the keys made the signature of this text, for this purpose."""
        given = signature.encode()  # compared as bytes: a text that is not of ASCII is a wrong one, too
        return any(hmac.compare_digest(_hash(key, purpose, text).encode(), given) for key in self.secrets)


def _hash(secret: str, purpose: str, text: str) -> str:
    of_purpose = hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)
    return hmac.new(of_purpose, text.encode(), hashlib.sha256).hexdigest()
