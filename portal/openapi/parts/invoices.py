"""Internal invoices: what a month costs, line by line."""

from __future__ import annotations

from portal.models import InvoiceStatus, ItemKind
from portal.openapi.operations import ORGANIZATION, SLICE, Part, in_path, one, operation, slice_of
from portal.openapi.shapes import (
    COUNT,
    DECIMAL,
    INSTANT,
    MONEY,
    MONTH,
    TEXT,
    UID,
    UNIT_PRICE,
    URL,
    answered,
    list_of,
    one_of,
    or_null,
    ref,
    said,
)

_HEAD = {
    "id": UID,
    "organization_id": UID,
    "number": said(or_null(TEXT), "Null while the month is open."),
    "status": said(one_of(InvoiceStatus), "An open month may still grow; a final one never changes."),
    "period": MONTH,
    "period_start": INSTANT,
    "period_end": said(INSTANT, "Exclusive: the first instant of the next month."),
    "total": said(MONEY, "Net."),
    "due": said(or_null(MONEY), "Gross, to be paid; null while that is not known."),
    "credit": said(or_null(MONEY), "Gross, in the customer's favour; null while that is not known."),
    "metered_through": said(
        or_null(INSTANT), "The start of the latest hour with an entry; null in final ones."
    ),
    "missing_hours": said(COUNT, "How many hours the time-priced subscriptions still owe; 0 in final ones."),
}

PART = Part(
    tag="Invoices",
    about="Internal invoices: the sums of a month, each line with the hours behind it.",
    paths={
        "/invoices": {
            "get": operation(
                "list_invoices",
                "The internal invoices of an organization, the newest first",
                wanted="billing:read",
                parameters=[ORGANIZATION, *SLICE],
                answers={200: slice_of("InvoiceSummary")},
            ),
        },
        "/invoices/{invoice_id}": {
            "get": operation(
                "get_invoice",
                "One internal invoice with its items",
                wanted="billing:read",
                parameters=[in_path("invoice_id", "Which one."), ORGANIZATION],
                answers={200: one("Invoice")},
            ),
        },
    },
    schemas={
        "InvoiceSummary": answered("A month of an organization.", _HEAD),
        "Invoice": answered(
            "A month of an organization, line by line.",
            {**_HEAD, "items": list_of(ref("InvoiceItem"))},
        ),
        "InvoiceItem": answered(
            "What a project used of a product at one price, or what came late for an earlier month.",
            {
                "id": UID,
                "product": ref("NamedThing"),
                "project": said(or_null(ref("NamedThing")), "Null for what belongs to no project."),
                **UNIT_PRICE,
                "unit": TEXT,
                "quantity": DECIMAL,
                "total": MONEY,
                "kind": one_of(ItemKind),
                "corrects": said(or_null(ref("CorrectedItem")), "Null unless `kind` is correction."),
                "usage_url": said(URL, "The hours behind it; they add up to it."),
            },
        ),
        "NamedThing": answered("A project or product by the name that it had.", {"id": UID, "name": TEXT}),
        "CorrectedItem": answered(
            "The line of an earlier invoice that is corrected.", {"period": MONTH, "item_id": UID}
        ),
    },
)
