"""The names under which whoever asks knows a request: `X-Request-Id`, and the trace of W3C's `traceparent`.

Both come from outside: what is not of their grammar is left out, or a line of the log would say what a
stranger likes.
"""

import re
from uuid import UUID, uuid4

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
_OTHER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?"
)
_NO_VERSION, _FIRST_VERSION = "ff", "00"


def request_id_of(header: str | None) -> str:
    """Return the id of a request: the UUID that it brings, with or without dashes, else a new one."""
    return str(UUID(header) if header and _UUID.fullmatch(header) else uuid4())


def other_id_of(header: str | None) -> str | None:
    """Return an id that a request brings and that is no UUID, so that its log and ours are found together."""
    if header and _OTHER_ID.fullmatch(header) and not _UUID.fullmatch(header):
        return header
    return None


def trace_id_of(header: str | None) -> str | None:
    """Return the trace that a `traceparent` names; None where it breaks a rule of W3C's Trace Context."""
    parts = _TRACEPARENT.fullmatch(header or "")
    if (
        parts is None
        or parts["version"] == _NO_VERSION
        or (parts["version"] == _FIRST_VERSION and parts["more"])
    ):
        return None
    is_empty = not (parts["trace"].strip("0") and parts["parent"].strip("0"))
    return None if is_empty else parts["trace"]
