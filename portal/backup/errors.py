"""What ends a backup or a restore with a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from portal.domain.errors import BillingError


class BackupError(BillingError):
    """The backup could not be made or restored."""


@contextmanager
def files_may_refuse(sentence: str) -> Iterator[None]:
    """Say in a sentence that a file could not be read or written, and why."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise BackupError(f"{sentence}: {error.filename or 'a file'}: {reason}.") from error
