"""Payments: /document-payments, which change what a document says is paid."""

from http import HTTPStatus

from flask import Blueprint, Response, request

from portal.sandbox.easybill.customers import LOGIN_ID
from portal.sandbox.easybill.document_rules import apply_payments
from portal.sandbox.easybill.fields import accepted, checks, is_date, is_flag, is_integer, is_text
from portal.sandbox.easybill.lists import list_answer
from portal.sandbox.easybill.store import DOCUMENTS, PAYMENTS, transaction
from portal.sandbox.easybill.wire import Body, answer, invalid, missing, nothing, now, request_body

blueprint = Blueprint("payments", __name__)

_WRITABLE = {
    **checks(is_integer, "amount document_id"),
    **checks(is_text, "notice provider reference type"),
    "is_overdue_fee": is_flag,
    "payment_at": is_date,
}
# The epoch is what EasyBill stored in 2016 for a payment without a day.
_DEFAULTS: Body = {
    **dict.fromkeys(("notice", "provider", "reference", "type"), ""),
    "is_overdue_fee": False,
    "payment_at": "1970-01-01",
}
_LENGTH_MAX = 255


@blueprint.get("/document-payments")
def find() -> Response:
    return list_answer(PAYMENTS, ["document_id", "reference"], dates=["payment_at"], shown=_shown)


@blueprint.post("/document-payments")
def create() -> Response:
    """The same payment sent twice is two payments, as recorded."""
    given = _given()
    with transaction() as records:
        document = records.find(DOCUMENTS, given["document_id"])
        if document is None:
            raise invalid("document_id")
        payment = {
            **_DEFAULTS,
            **given,
            "id": records.next_id(PAYMENTS),
            "login_id": LOGIN_ID,
            "is_paid": request.args.get("paid") in {"1", "true"},
        }
        records.put(PAYMENTS, payment)
        records.put(DOCUMENTS, apply_payments(records, document, now()))
    return answer(_shown(payment), HTTPStatus.CREATED)


@blueprint.get("/document-payments/<int:payment_id>")
def show(payment_id: int) -> Response:
    with transaction() as records:
        return answer(_shown(records.get(PAYMENTS, payment_id)))


@blueprint.delete("/document-payments/<int:payment_id>")
def delete(payment_id: int) -> Response:
    with transaction() as records:
        payment = records.get(PAYMENTS, payment_id)
        records.delete(PAYMENTS, payment_id)
        document = records.get(DOCUMENTS, payment["document_id"])
        records.put(DOCUMENTS, apply_payments(records, document, now()))
    return nothing()


def _shown(payment: Body) -> Body:
    """The payment without what only the sandbox keeps: that it settled a document although short."""
    return {name: value for name, value in payment.items() if name != "is_paid"}


def _given() -> Body:
    fields = {name: value for name, value in accepted(request_body(), _WRITABLE).items() if value is not None}
    absent = [name for name in ("document_id", "amount") if name not in fields]
    if absent:
        raise missing(*absent)
    too_long = [name for name in ("provider", "reference", "type") if len(fields.get(name, "")) > _LENGTH_MAX]
    if too_long:
        raise invalid(*too_long)
    return fields
