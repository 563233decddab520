"""Forged requests: another site makes a browser send something. Two fences, neither of which needs the other.

The page that a form comes from has a token; and browsers say themselves from which site they send.
"""

from flask import request
from flask_wtf.csrf import CSRFError

from portal.extensions import csrf
from portal.web.transaction import SAFE_METHODS

_FROM_HERE = {"same-origin", "none"}  # none: a person typed the address


def refuse_forgeries() -> None:
    """Refuse what would change something and was not sent from a page of ours."""
    if request.method in SAFE_METHODS:
        return
    csrf.protect()
    if not _is_sent_from_here():
        raise CSRFError("The browser says that another site sent it.")


def _is_sent_from_here() -> bool:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site in _FROM_HERE
    return origin is None or origin.partition("://")[2] == request.host
