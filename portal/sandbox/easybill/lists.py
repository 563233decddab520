"""Lists: filters in the query string, pages, and the envelope around them."""

import re
from collections.abc import Callable, Iterable, Sequence

from flask import Response, request

from portal.sandbox.easybill.store import Kind, Span, transaction
from portal.sandbox.easybill.wire import Body, answer, invalid

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000

_AFTER_EVERY_TIME_OF_DAY = "~"  # sorts behind the space and digits that follow a date


def _as_kept(body: Body) -> Body:
    return body


def list_answer(
    kind: Kind, texts: Iterable[str], dates: Iterable[str] = (), shown: Callable[[Body], Body] = _as_kept
) -> Response:
    """One page of a kind; `texts` are filters by equality, `dates` by a day or from,to."""
    page = _whole_number("page", default=1)
    limit = min(_whole_number("limit", default=LIMIT_DEFAULT), LIMIT_MAX)
    filters = {name: [_equal(each) for each in values] for name in texts if (values := _values(name))}
    filters |= {name: _days(name, values) for name in dates if (values := _values(name))}
    with transaction() as records:
        total, items = records.page(kind, filters, limit=limit, offset=(page - 1) * limit)
    pages = -(-total // limit)  # none when there is nothing
    envelope = {"page": page, "pages": pages, "limit": limit, "total": total}
    return answer({**envelope, "items": [shown(item) for item in items]})


def _whole_number(name: str, *, default: int) -> int:
    value = request.args.get(name, str(default))
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value):
        raise invalid(name)
    return int(value)


def _values(name: str) -> list[str]:
    """The values of a filter: `name=a,b` or `name[]=a&name[]=b`."""
    several = request.args.getlist(f"{name}[]")
    if several:
        return several
    joined = request.args.get(name, "")
    if not joined:
        return []
    if request.headers.get("X-Easybill-Escape") == "true":
        return [each.replace("\\,", ",") for each in re.split(r"(?<!\\),", joined)]
    return joined.split(",")


def _equal(value: str) -> Span:
    return None if value == "null" else (value, value)


def _days(name: str, values: Sequence[str]) -> list[Span]:
    if list(values) == ["null"]:
        return [None]
    if len(values) > 2 or not all(re.match(r"\d{4}-\d{2}-\d{2}", each) for each in values):
        raise invalid(name)
    return [(values[0], values[-1] + _AFTER_EVERY_TIME_OF_DAY)]
