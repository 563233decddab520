"""JSON of strangers, read strictly: numbers are exact and of bounded size, no object says a thing twice.

NaN, the infinities and a text that no database keeps are no JSON here. A refusal is a ValueError, or a
RecursionError for what is nested too deeply.
"""

import json
from functools import partial

from portal.domain.numbers import decimal_of, whole_of


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    named = dict(pairs)
    if len(named) != len(pairs):
        raise ValueError("a name is given twice")
    return named


DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant,
    parse_float=decimal_of,
    parse_int=partial(whole_of, least=None),
    object_pairs_hook=_without_repeats,
)


def value_of(text: str) -> object:
    """Return what a text of JSON says; its numbers are int and Decimal."""
    value: object = DECODER.decode(text)
    refuse_odd_text(value)
    return value


def refuse_odd_text(value: object) -> None:
    """Raise ValueError for a NUL or half a surrogate pair in any text of a value: no database keeps them."""
    if isinstance(value, str):
        value.encode()
        if "\0" in value:
            raise ValueError("a text with a NUL")
    elif isinstance(value, dict):
        for name, part in value.items():
            refuse_odd_text(name)
            refuse_odd_text(part)
    elif isinstance(value, list):
        for part in value:
            refuse_odd_text(part)
