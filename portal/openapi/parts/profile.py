"""The billing profile: whom legal invoices are made out to."""

from __future__ import annotations

from portal.domain.billing_profile import EMAILS_MAX, LANGUAGES, LENGTHS_MAX
from portal.openapi.operations import (
    IDEMPOTENCY_KEY,
    OF_ORGANIZATION,
    Part,
    body_of,
    done,
    one,
    operation,
)
from portal.openapi.refusals import WRITING
from portal.openapi.shapes import TEXT, accepted, answered, list_of, one_of, or_null, ref, said
from portal.web.json import JSON


def _line(name: str, description: str) -> JSON:
    return said(TEXT, description) | {"maxLength": LENGTHS_MAX[name]}


_FIELDS = {
    "name": _line("name", "The name of the company."),
    "street": _line("street", "Street and number."),
    "postal_code": _line("postal_code", "Five digits in Germany."),
    "city": _line("city", "The town."),
    "country": {"type": "string", "pattern": "^[A-Z]{2}$", "description": "ISO 3166, such as DE."},
    "vat_id": or_null(_line("vat_id", "Checked against the rules of its country.")),
    "buyer_reference": or_null(
        _line("buyer_reference", "What the buyer needs on e-invoices, such as a Leitweg-ID.")
    ),
    "order_number": or_null(_line("order_number", "The buyer's purchase order.")),
    "emails": {
        **list_of({"type": "string", "format": "email", "maxLength": 254}),
        "maxItems": EMAILS_MAX,
        "description": "Where documents are sent.",
    },
    "language": said(one_of(LANGUAGES), "Of the documents."),
}
_VERSION: JSON = {"type": "integer", "minimum": 1, "description": "Grows with each change."}

PART = Part(
    tag="Billing profile",
    about="Whom legal invoices are made out to.",
    paths={
        "/organizations/{organization_id}/profile": {
            "get": operation(
                "get_profile",
                "The billing profile of an organization",
                wanted="billing:read",
                parameters=[OF_ORGANIZATION],
                answers={200: one("Profile")},
            ),
            "put": operation(
                "replace_profile",
                "Replace the billing profile",
                wanted="billing:update",
                details="With the `version` it was made from, a change that somebody else made meanwhile is "
                "not overwritten: 409.",
                parameters=[OF_ORGANIZATION, IDEMPOTENCY_KEY],
                body=body_of(ref("ProfileToSave")),
                answers={200: done(ref("Profile"), "It is saved.")},
                refused=WRITING,
            ),
        },
    },
    schemas={
        "Profile": answered("What a legal invoice prints.", {**_FIELDS, "version": _VERSION}),
        "ProfileToSave": accepted(
            "A whole profile, as it was read and then changed.",
            {**_FIELDS, "version": _VERSION},
            optional=("version",),
        ),
    },
)
