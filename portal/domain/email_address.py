"""E-mail addresses: whether mail could be sent there at all. No server is asked, no name looked up."""

from functools import cache
from types import ModuleType


def is_email_address(text: str) -> bool:
    """Tell whether a text is an e-mail address; after the @ in ASCII, before it in any script (SMTPUTF8)."""
    library = _library()
    try:
        address = library.validate_email(text, check_deliverability=False, strict=True)
    except library.EmailNotValidError:
        return False
    return str(address.original).rpartition("@")[2].isascii()


@cache
def _library() -> ModuleType:
    import email_validator  # noqa: PLC0415 — 30 ms that only a write needs

    # A company's own mail server may well be at mail.local: the mail server knows which it reaches.
    email_validator.SPECIAL_USE_DOMAIN_NAMES = []
    return email_validator
