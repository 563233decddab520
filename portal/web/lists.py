"""Lists: `limit` and an opaque `cursor` come in, the address of the next slice goes out."""

import base64
import datetime as dt
import json
from collections.abc import Sequence
from functools import partial

from flask import Flask, request

from portal.domain.errors import ValidationError
from portal.domain.instants import usable_date
from portal.domain.numbers import whole_of
from portal.domain.slices import LIMIT_DEFAULT, LIMIT_MAX, Key, ListPage, Part, Slice
from portal.domain.strict_json import value_of
from portal.web.args import parsed
from portal.web.filters import replaced_url

_NO_LIMIT = f"is not a whole number from 1 to {LIMIT_MAX}"
_WHOLE_MAX = 2**31 - 1  # the largest that an id column holds


def init_app(app: Flask) -> None:
    app.add_template_filter(next_link)


def requested_slice(*kinds: type[Part]) -> Slice:
    """Read `limit` and `cursor` from the query; `kinds` are the types of the sort key, in order."""
    limit, cursor = request.args.get("limit"), request.args.get("cursor")
    return Slice(_limit(limit) if limit else LIMIT_DEFAULT, _key(cursor, kinds) if cursor else None)


def next_link(page: object) -> str | None:
    """Return the address of a list's next slice, or None: this page's own with another cursor."""
    if not isinstance(page, ListPage) or page.next_key is None:
        return None
    return replaced_url(cursor=cursor_of(page.next_key))


def cursor_of(key: Key) -> str:
    parts = [part.isoformat() if isinstance(part, dt.date) else part for part in key]
    text = json.dumps(parts, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _limit(text: str) -> int:
    limit = parsed("limit", text, partial(whole_of, digits=3, least=1), _NO_LIMIT)
    if limit > LIMIT_MAX:
        raise ValidationError({"limit": [_NO_LIMIT]})
    return limit


def _key(cursor: str, kinds: Sequence[type[Part]]) -> Key:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = _parts(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
        return tuple(_part(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValidationError({"cursor": ["is not one that a list has given out"]}) from error


def _parts(text: str) -> list[object]:
    parts = value_of(text)
    if not isinstance(parts, list):
        raise TypeError(text)
    return parts


def _part(part: object, kind: type[Part]) -> Part:
    if kind is dt.date and isinstance(part, str):
        return usable_date(part)
    if kind is int and type(part) is int and 0 <= part <= _WHOLE_MAX:
        return part
    if kind is str and isinstance(part, str):
        return part
    raise ValueError(part)
