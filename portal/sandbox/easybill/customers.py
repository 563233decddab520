"""Customers: /customers, with every field EasyBill knows and the few rules it enforces."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response

from portal.sandbox.easybill.fields import (
    accepted,
    checks,
    is_date,
    is_days,
    is_flag,
    is_integer,
    is_number,
    is_percentage,
    is_text,
    list_of,
    one_of,
)
from portal.sandbox.easybill.lists import list_answer
from portal.sandbox.easybill.store import CUSTOMERS, Records, transaction
from portal.sandbox.easybill.wire import Body, answer, invalid, missing, moment, now, request_body

LOGIN_ID = 32_001
FIRST_NUMBER = 10_000

_NULL = """
acquire_options bank_account bank_account_owner bank_bic bank_code bank_iban bank_name birth_date
cash_allowance cash_allowance_days cash_discount cash_discount_type city company_name court
court_registry_number delivery_city delivery_company_name delivery_country delivery_first_name
delivery_last_name delivery_street delivery_suffix_1 delivery_suffix_2 delivery_zip_code due_in_days
fax first_name grace_period group_id info_1 info_2 internet last_name mobile note payment_options
phone_1 phone_2 postbox postbox_city postbox_country postbox_zip_code sale_price_level
sepa_agreement sepa_agreement_date sepa_mandate_reference since_date street suffix_1 suffix_2
tax_number tax_options title vat_identifier zip_code
"""
_EMPTY = """
buyer_reference delivery_state delivery_title foreign_supplier_number number postbox_state state
supplier_number
"""
_DEFAULTS: Body = {
    **dict.fromkeys(_NULL.split()),
    **dict.fromkeys(_EMPTY.split(), ""),
    **dict.fromkeys(("archived", "delivery_personal", "personal"), False),
    **dict.fromkeys(("delivery_salutation", "salutation"), 0),
    "country": "DE",
    "document_pdf_type": "default",
    "login_id": LOGIN_ID,
}
_PDF_TYPES = """
default zugferd1 zugferd2_2 xrechnung2_1_xml xrechnung2_2_xml xrechnung2_3_xml xrechnung3_0_xml
zugferd2_4_en16931 zugferd2_4_extended
"""
_TAX_OPTIONS = "nStb nStbUstID nStbNoneUstID nStbIm revc IG AL sStfr NULL"
_PRICE_LEVELS = [f"SALEPRICE{level}" for level in range(2, 11)]
_WRITABLE = {
    **checks(is_text, _NULL + _EMPTY + "country"),
    **checks(is_integer, "group_id login_id"),
    **checks(is_days, "cash_allowance_days due_in_days grace_period"),
    **checks(is_number, "cash_discount"),
    **checks(is_percentage, "cash_allowance"),
    **checks(is_flag, "archived delivery_personal personal"),
    **checks(is_date, "birth_date sepa_agreement_date since_date"),
    **checks(one_of(*range(7)), "delivery_salutation salutation"),
    "acquire_options": one_of(*range(1, 9)),
    "additional_groups_ids": list_of(is_integer),
    "cash_discount_type": one_of("PERCENT", "AMOUNT"),
    "document_pdf_type": one_of(*_PDF_TYPES.split()),
    "emails": list_of(is_text, max_length=3),
    "payment_options": one_of(1, 2, 3, 5),
    "sale_price_level": one_of(*_PRICE_LEVELS),
    "sepa_agreement": one_of("BASIC", "COR1", "COMPANY", "NULL"),
    "tax_options": one_of(*_TAX_OPTIONS.split()),
}
_ADDRESS = """
salutation personal title first_name last_name suffix_1 suffix_2 company_name street zip_code city
state country
"""

blueprint = Blueprint("customers", __name__)


@blueprint.get("/customers")
def find() -> Response:
    texts = "group_id number country zip_code emails first_name last_name company_name".split()
    return list_answer(CUSTOMERS, texts, dates=["created_at"])


@blueprint.post("/customers")
def create() -> Response:
    given = accepted(request_body(), _WRITABLE)
    with transaction() as records:
        fresh: Body = {
            **_DEFAULTS,
            "additional_groups_ids": [],
            "emails": [],
            "created_at": f"{now():%Y-%m-%d}",
        }
        customer = _changed({**fresh, "id": records.next_id(CUSTOMERS)}, given)
        customer["number"] = customer["number"] or _next_number(records)
        customer["sepa_mandate_reference"] = customer["sepa_mandate_reference"] or customer["number"]
        records.put(CUSTOMERS, customer)
    return answer(customer, HTTPStatus.CREATED)


@blueprint.get("/customers/<int:customer_id>")
def show(customer_id: int) -> Response:
    with transaction() as records:
        return answer(records.get(CUSTOMERS, customer_id))


@blueprint.put("/customers/<int:customer_id>")
def change(customer_id: int) -> Response:
    given = accepted(request_body(), _WRITABLE)
    with transaction() as records:
        customer = _changed(records.get(CUSTOMERS, customer_id), given)
        records.put(CUSTOMERS, customer)
    return answer(customer)


def _next_number(records: Records) -> str:
    return str(FIRST_NUMBER + records.next_in_series("customer number"))


def _changed(customer: Body, given: Body) -> Body:
    customer |= with_both_due_names(given)
    if not customer["last_name"] and not customer["company_name"]:
        raise missing("last_name", "company_name")
    if len(set(customer["emails"] or ())) < len(customer["emails"] or ()):
        raise invalid("emails")
    names = (customer["first_name"], customer["last_name"])
    customer["display_name"] = customer["company_name"] or " ".join(name for name in names if name)
    customer["updated_at"] = moment(now())
    return customer


def with_both_due_names(given: Body) -> Body:
    """The days until payment under their new and their old name; the new one wins."""
    for name in ("due_in_days", "grace_period"):
        if name in given:
            return {**given, "due_in_days": given[name], "grace_period": given[name]}
    return given


def address(customer: Body) -> Body:
    return {name: customer[name] for name in _ADDRESS.split()}


def delivery_address(customer: Body) -> Body:
    return {name: _delivery_value(customer, name) for name in _ADDRESS.split()}


def _delivery_value(customer: Body, name: str) -> Any:
    return customer[f"delivery_{name}"]
