"""The problems of several values at once, so that one answer names all of them."""

from collections.abc import Callable
from typing import TypeVar

from portal.domain.errors import UnusableValueError, ValidationError

Value = TypeVar("Value")


class Problems:
    """The reasons against values, by the names of their fields."""

    def __init__(self) -> None:
        self._reasons: dict[str, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._reasons)

    def add(self, field: str, reason: str) -> None:
        self._reasons.setdefault(field, []).append(reason)

    def attempt(self, field: str, check: Callable[[], Value]) -> Value | None:
        """Return what a check of one field returns; None, and the reason is kept, where it refuses."""
        try:
            return check()
        except UnusableValueError as error:
            self.add(field, str(error))
            return None

    def refuse(self) -> None:
        """Raise ValidationError with all reasons, if there is any."""
        if self._reasons:
            raise ValidationError(self._reasons)
