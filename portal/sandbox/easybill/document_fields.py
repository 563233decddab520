"""The fields of a document and its positions: the writable ones, and the defaults of unset ones."""

import re
from decimal import Decimal

from portal.sandbox.easybill.fields import (
    accepted,
    checks,
    is_date,
    is_days,
    is_flag,
    is_integer,
    is_number,
    is_number_or_text,
    is_object,
    is_percentage,
    is_text,
    list_of,
    one_of,
)
from portal.sandbox.easybill.wire import Body, invalid, not_offered

TYPES = """
INVOICE RECURRING CREDIT OFFER REMINDER DUNNING STORNO STORNO_CREDIT DELIVERY PDF CHARGE
CHARGE_CONFIRM LETTER ORDER PROFORMA_INVOICE STORNO_PROFORMA_INVOICE
"""
VAT_OPTIONS = "NULL nStb nStbUstID nStbNoneUstID nStbIm revc IG AL sStfr smallBusiness"
TYPES_WITH_STATUS = ("DELIVERY", "ORDER", "CHARGE", "OFFER")

_TEXTS = """
bank_debit_form buyer_reference cash_allowance_text contact_label contact_text currency external_id
fulfillment_country number order_number pdf_template replica_url shipping_country text text_prefix
text_tax title vat_country
"""
WRITABLE = {
    **checks(is_text, _TEXTS),
    **checks(is_integer, "contact_id customer_id login_id project_id ref_id"),
    **checks(is_days, "cash_allowance_days due_in_days grace_period"),
    **checks(is_date, "anonymize_due_date document_date"),
    **checks(is_flag, "is_acceptable_on_public_domain is_archive is_oss is_replica use_shipping_address"),
    "calc_vat_from": one_of(0, 1),
    "cash_allowance": is_percentage,
    "discount": is_number_or_text,
    "discount_type": one_of("PERCENT", "AMOUNT"),
    "file_format_config": list_of(is_object),
    "items": list_of(is_object),
    "recurring_options": is_object,
    "service_date": is_object,
    "status": one_of("ACCEPT", "DONE", "DROPSHIPPING", "CANCEL"),
    "type": one_of(*TYPES.split()),
    "vat_option": one_of(*VAT_OPTIONS.split()),
}
_ITEM_WRITABLE = {
    **checks(is_text, "booking_account description document_note export_cost_1 export_cost_2 number"),
    **checks(is_text, "quantity_str unit"),
    **checks(is_number, "cost_price_net discount quantity single_price_gross single_price_net"),
    "vat_percent": is_percentage,
    **checks(is_integer, "position position_id"),
    "discount_type": one_of("PERCENT", "AMOUNT", "QUANTITY", "FIX"),
    "itemType": one_of("PRODUCT", "SERVICE", "UNDEFINED"),
    "type": one_of("POSITION", "POSITION_NOCALC", "TEXT"),
}
_SERVICE_DATE_WRITABLE = {
    "type": one_of("DEFAULT", "SERVICE", "DELIVERY"),
    **checks(is_date, "date date_from date_to"),
    "text": is_text,
}

_NULL = """
anonymize_due_date anonymized_at bank_debit_form billing_country cancel_id cash_allowance
cash_allowance_days cash_allowance_text coldstorage_due_date contact_id customer_id discount
discount_type due_date external_id fulfillment_country last_postbox_id number paid_at pdf_template
project_id ref_id replica_url root_id shipping_country status text_tax title vat_country vat_option
"""
_EMPTY = "buyer_reference contact_label contact_text order_number vat_id"
_FALSE = """
is_acceptable_on_public_domain is_archive is_cold is_oss is_replica use_shipping_address
"""
DEFAULTS: Body = {
    **dict.fromkeys(_NULL.split()),
    **dict.fromkeys(_EMPTY.split(), ""),
    **dict.fromkeys(_FALSE.split(), False),
    **dict.fromkeys(("amount", "amount_net", "calc_vat_from", "paid_amount"), 0),
    "anonymize_status": "NOT_ANONYMIZED",
    "currency": "EUR",
    "is_draft": True,
    "pdf_pages": 1,
    "recurring_options": {"next_date": None},
    "type": "INVOICE",
}
_ITEM_NULL = """
booking_account cost_price_charge cost_price_net cost_price_total description discount discount_type
export_cost_1 export_cost_2 number position_id serial_number serial_number_id single_price_gross
single_price_net total_price_gross total_price_net total_vat unit
"""
_ITEM_DEFAULTS: Body = {
    **dict.fromkeys(_ITEM_NULL.split()),
    "cost_price_charge_type": "AMOUNT",
    "document_note": "",
    "itemType": "UNDEFINED",
    "quantity": 1,
    "quantity_str": None,
    "type": "POSITION",
    "vat_percent": 0,
}


def written(given: Body) -> Body:
    """The fields of a document a client may set, each of the right type."""
    fields = accepted(given, WRITABLE)
    if fields.get("vat_option") == "NULL":
        fields["vat_option"] = None
    if not re.fullmatch(r"[A-Z]{3}", fields.get("currency") or "EUR"):
        raise invalid("currency")
    if not re.fullmatch(r"-?\d{1,12}(\.\d+)?", str(fields.get("discount") or 0)):
        raise invalid("discount")
    for name in ("currency", "calc_vat_from", "type", "document_date", "items"):
        if name in fields and fields[name] is None:
            del fields[name]
    return fields


def new_item(given: Body, position: int) -> Body:
    """A position without its id and sums; its text is as short as EasyBill's columns are."""
    fields = {name: value for name, value in accepted(given, _ITEM_WRITABLE).items() if value is not None}
    if fields.get("quantity_str"):
        raise not_offered("quantity_str")
    item = {**_ITEM_DEFAULTS, "position": position, **fields}
    if len(f"{Decimal(item['quantity']):f}") > 10:
        raise invalid("quantity")
    return item


def service_date(given: Body | None, document_date: str) -> Body:
    """DEFAULT is the document's date; SERVICE and DELIVERY say exactly one of date, period and text."""
    fields = accepted(given or {}, _SERVICE_DATE_WRITABLE)
    kind = fields.get("type") or "DEFAULT"
    unset: Body = dict.fromkeys(("date", "date_from", "date_to", "text"))
    if kind == "DEFAULT":
        return {"type": kind, **unset, "date": document_date}
    dates = {name: fields.get(name) for name in unset}
    period = [bool(dates["date_from"]), bool(dates["date_to"])]
    if any(period) != all(period) or [bool(dates["date"]), all(period), bool(dates["text"])].count(True) != 1:
        raise invalid("service_date")
    return {"type": kind, **dates}
