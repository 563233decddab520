"""The life of a document: a draft is written, finished under a number, paid, and perhaps cancelled."""

from datetime import date, datetime, timedelta
from typing import Any

from portal.sandbox.easybill.amounts import totals, with_sums
from portal.sandbox.easybill.customers import LOGIN_ID, address, delivery_address, with_both_due_names
from portal.sandbox.easybill.document_fields import (
    DEFAULTS,
    TYPES_WITH_STATUS,
    new_item,
    service_date,
    written,
)
from portal.sandbox.easybill.languages import language_of
from portal.sandbox.easybill.store import CUSTOMERS, DOCUMENTS, ITEMS, PAYMENTS, Records
from portal.sandbox.easybill.wire import Body, invalid, moment

DUE_IN_DAYS_DEFAULT = 10  # the setting of the recorded account

_PAYMENTS_MAX = 1000  # of one document; the limit of a list as well

_SERIES = {"INVOICE": "RE", "CREDIT": "GU", "OFFER": "AN", "ORDER": "AB", "DELIVERY": "LS"}
_CANCELLED_BY = {
    "INVOICE": "STORNO",
    "CREDIT": "STORNO_CREDIT",
    "PROFORMA_INVOICE": "STORNO_PROFORMA_INVOICE",
}
_NOBODY: Body = {"company_name": None, "last_name": None}


def draft(records: Records, given: Body, instant: datetime) -> Body:
    """A new draft, without number and due date unless the client brought a number."""
    fields = written(given)
    document: Body = {
        **DEFAULTS,
        "attachment_ids": [],
        "created_at": moment(instant),
        "document_date": f"{instant:%Y-%m-%d}",
        "file_format_config": [],
        "id": records.next_id(DOCUMENTS),
        "items": [],
        "login_id": LOGIN_ID,
    }
    _take(records, document, fields)
    _see_customer(records, document)
    _inherit(document, fields)
    return _reckoned(document, instant)


def revise(
    records: Records, document: Body, given: Body, instant: datetime, *, is_customer_refreshed: bool
) -> Body:
    """The document with other contents; EasyBill lets even a finished one change, and so does this."""
    fields = written(given)
    fields.pop("type", None)  # can only be set on creation
    has_other_customer = fields.get("customer_id", document["customer_id"]) != document["customer_id"]
    _take(records, document, fields)
    if document["is_draft"] or has_other_customer or is_customer_refreshed:
        _see_customer(records, document)
    if not document["is_draft"]:
        document["due_date"] = _due_date(document)
    return _reckoned(document, instant)


def finish(records: Records, document: Body, instant: datetime) -> Body:
    """The draft with its number and due date, and the customer as it is at this moment, for good."""
    _see_customer(records, document)
    document["number"] = document["number"] or _next_number(records, document)
    document["due_date"] = _due_date(document)
    document["is_draft"] = False
    document["edited_at"] = moment(instant)
    return document


def cancel(records: Records, original: Body, instant: datetime) -> Body:
    """The document that takes the original back; the original keeps its amounts and points to it."""
    if original["is_draft"] or original["cancel_id"] or original["type"] not in _CANCELLED_BY:
        raise invalid("id")
    storno = {
        **original,
        "amount": -original["amount"],
        "amount_net": -original["amount_net"],
        "created_at": moment(instant),
        "discount": None,
        "document_date": f"{instant:%Y-%m-%d}",
        "due_date": None,
        "edited_at": moment(instant),
        "id": records.next_id(DOCUMENTS),
        "item_notes": [],
        "items": [],
        "label_address": {},
        "last_postbox_id": None,
        "paid_amount": 0,
        "paid_at": None,
        "ref_id": original["id"],
        "service_date": {},
        "type": _CANCELLED_BY[original["type"]],
    }
    original["cancel_id"] = storno["id"]
    original["edited_at"] = moment(instant)
    return storno


def apply_payments(records: Records, document: Body, instant: datetime) -> Body:
    """The document with what its payments add up to; `paid_at` is the day they covered it."""
    _, payments = records.page(PAYMENTS, {"document_id": [(str(document["id"]),) * 2]}, limit=_PAYMENTS_MAX)
    document["paid_amount"] = sum(payment["amount"] for payment in payments)
    is_paid = _is_covered(document) or any(payment["is_paid"] for payment in payments)
    days = [payment["payment_at"] for payment in payments]
    document["paid_at"] = max(days) if days and is_paid else None
    document["edited_at"] = moment(instant)
    return document


def _is_covered(document: Body) -> bool:
    """Whether all is paid, or all is paid back where the amount is negative."""
    if document["amount"] < 0:
        return bool(document["paid_amount"] <= document["amount"])
    return bool(document["paid_amount"] >= document["amount"])


def _take(records: Records, document: Body, fields: Body) -> None:
    """Write the client's fields into the document."""
    document |= with_both_due_names({name: value for name, value in fields.items() if name != "items"})
    if document["status"] and document["type"] not in TYPES_WITH_STATUS:
        raise invalid("status")
    if "items" in fields:
        items = [new_item(given, position) for position, given in enumerate(fields["items"], start=1)]
        document["items"] = [{**item, "id": records.next_id(ITEMS)} for item in items]
    period = fields.get("service_date", document.get("service_date"))
    document["service_date"] = service_date(period, document["document_date"])


def _see_customer(records: Records, document: Body) -> None:
    """Copy the customer into the document as it is now."""
    if document["customer_id"] is None:
        document |= {"address": {}, "label_address": {}, "customer_snapshot": _NOBODY}
        return
    customer = records.find(CUSTOMERS, document["customer_id"])
    if customer is None:
        raise invalid("customer_id")
    document |= {
        "address": address(customer),
        "billing_country": customer["country"],
        "customer_snapshot": customer,
        "label_address": delivery_address(customer),
        "vat_id": customer["vat_identifier"] or "",
    }


def _inherit(document: Body, fields: Body) -> None:
    """Fill the unset fields of a new draft from its customer, its language and the account."""
    snapshot: Body = document["customer_snapshot"]
    for name, fallback in (("due_in_days", DUE_IN_DAYS_DEFAULT), ("cash_allowance", None)):
        if document.get(name) is None:
            document[name] = _first_set(snapshot.get(name), fallback)
    document["grace_period"] = document["due_in_days"]
    if document["cash_allowance"] is not None and document["cash_allowance_days"] is None:
        document["cash_allowance_days"] = snapshot.get("cash_allowance_days")
    language = language_of(document)
    prefix = language.credit_prefix if document["type"] == "CREDIT" else language.text_prefix
    document["text_prefix"] = _first_set(fields.get("text_prefix"), prefix)
    document["text"] = _first_set(fields.get("text"), language.text)


def _first_set(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _reckoned(document: Body, instant: datetime) -> Body:
    is_gross = document["calc_vat_from"] == 1
    document["items"] = [with_sums(item, is_gross=is_gross) for item in document["items"]]
    document["amount_net"], document["amount"] = totals(document)
    notes = (item["document_note"] for item in document["items"])
    document["item_notes"] = list(dict.fromkeys(note for note in notes if note))
    document["edited_at"] = moment(instant)
    return document


def _next_number(records: Records, document: Body) -> str:
    prefix = _SERIES.get(document["type"], "DO")
    series = f"{prefix}-{document['document_date'][:4]}"
    return f"{series}-{records.next_in_series(f'number {series}'):04}"


def _due_date(document: Body) -> str:
    days = timedelta(days=document["due_in_days"] or 0)
    return (date.fromisoformat(document["document_date"]) + days).isoformat()
