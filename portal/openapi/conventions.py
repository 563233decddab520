"""What holds for every operation, in words: the head of the document."""

from __future__ import annotations

from collections.abc import Mapping

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

# By room: what its operations are called together, and what they are about; in the order of the document.
TAGS: Mapping[str, tuple[str, str]] = {
    "usage": ("Usage", "What was used, hour by hour, and what it costs."),
    "subscriptions": ("Subscriptions", "What an organization subscribes to, since when and until when."),
    "invoices": ("Invoices", "Internal invoices: the sums of a month, each line with the hours behind it."),
    "legal_invoices": (
        "Legal invoices",
        "The documents that were made of them, with their payment, and the lines they come from.",
    ),
    "payment_methods": (
        "Payment methods",
        "Cards and mandates that Stripe holds; numbers never come here.",
    ),
    "profile": ("Billing profile", "Whom legal invoices are made out to."),
    "tokens": (
        "Tokens",
        "API tokens: each acts in one organization, with its owner's current rights there.",
    ),
    "audit_trail": (
        "Audit trail",
        "Every change of money or access, each entry bound to the one before it.",
    ),
    "metering": ("Metering", "For collectors alone, with a token that can do nothing else."),
    "overview": ("Service", "For everybody, without a token."),
    "openapi": ("Service", "For everybody, without a token."),
}
