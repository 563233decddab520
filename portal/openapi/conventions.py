"""What holds for every operation, in words: the head of the document."""

from __future__ import annotations

ABOUT = """\
What the portal shows, for programs. An address of a page is the address of its data.

**Asking.** Send `Authorization: Bearer <token>`: the answer is JSON then, unless `Accept` prefers HTML.
A token is made on the portal's page of API tokens; it acts in one organization, with its owner's current
permissions there. Someone else's object and one that does not exist are the same 404.

**Money** is an integer in the currency's minor unit. A price can be finer than a cent, so it is given twice:
`unit_price` is rounded, `unit_price_decimal` is exact. Quantities are plain decimal texts. No number is a
float.

**Times** are ISO 8601 in UTC. Windows and periods include their start and exclude their end.

**Lists** are arrays. `limit` says how many; the address of the next slice is in `Link` with `rel="next"`.
Nothing moves when rows are added meanwhile.

**Bodies** are `application/json` of at most 64 KiB, where nothing else is said. A field that is unknown, or
of another type, is refused with 422.

**Changes** accept `Idempotency-Key`, so that they can be sent again after a lost answer.

**Refusals** have one shape, the same status inside and outside, and `request_id` equal to `X-Request-Id`.

Properties may be added to answers at any time; none is renamed, retyped or removed.
"""
BEARER = (
    "An API token. Each operation names the permission that its owner needs in the organization; `member` is "
    "whoever belongs there."
)
COLLECTOR = "A collector's token: it can report usage, and nothing else."
