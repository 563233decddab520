"""The checks of writable fields: their types, and nothing about their meaning."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from portal.sandbox.easybill.wire import Body, invalid

Check: TypeAlias = Callable[[Any], bool]

NUMBER_MAX = 10**12  # beyond it sums would lose digits
DAYS_MAX = 3650


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def is_days(value: Any) -> bool:
    return is_integer(value) and 0 <= value <= DAYS_MAX


def is_number(value: Any) -> bool:
    return (
        isinstance(value, int | Decimal) and -NUMBER_MAX < value < NUMBER_MAX and not isinstance(value, bool)
    )


def is_percentage(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 100


def is_number_or_text(value: Any) -> bool:
    """A document's discount: a string in the description of the API, a number in its answers."""
    return is_text(value) or is_number(value)


def is_date(value: Any) -> bool:
    try:
        return bool(date.fromisoformat(value).isoformat() == value)
    except (TypeError, ValueError):
        return False


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def one_of(*choices: Any) -> Check:
    return lambda value: value in choices and not isinstance(value, bool)


def list_of(check: Check, *, max_length: int | None = None) -> Check:
    def is_list(value: Any) -> bool:
        return (
            isinstance(value, list)
            and all(check(item) for item in value)
            and (max_length is None or len(value) <= max_length)
        )

    return is_list


def checks(check: Check, names: str) -> dict[str, Check]:
    """The same check for several names, written with spaces between them."""
    return dict.fromkeys(names.split(), check)


def accepted(given: Body, writable: Mapping[str, Check]) -> Body:
    """The writable fields of a body; unknown and read-only ones are ignored, null is always allowed."""
    fields = {name: given[name] for name in writable if name in given}
    wrong = [name for name, value in fields.items() if value is not None and not writable[name](value)]
    if wrong:
        raise invalid(*wrong)
    return fields
