"""How much is tried: a small form inside `make test`, all of it with `make security`."""

import os

IS_FULL = os.environ.get("SECURITY_FULL") == "1"


def sized(small, full):
    """Return what the form of this run asks for."""
    return full if IS_FULL else small
