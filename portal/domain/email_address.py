"""E-mail addresses: whether mail could be sent there at all. Nobody is asked, no name is looked up."""

from __future__ import annotations

import email_validator

# A company's own mail server may well be at mail.local: where mail gets to is for who sends it.
email_validator.SPECIAL_USE_DOMAIN_NAMES = []


def is_email_address(text: str) -> bool:
    """Tell whether a text is an e-mail address; after the @ in ASCII, before it in any script (SMTPUTF8)."""
    try:
        address = email_validator.validate_email(text, check_deliverability=False, strict=True)
    except email_validator.EmailNotValidError:
        return False
    return address.original.rpartition("@")[2].isascii()
