"""Sending: an e-mail leaves nothing but its entry in /post-boxes, for nothing is really sent."""

from flask import Blueprint, Response

from portal.sandbox.easybill.customers import LOGIN_ID
from portal.sandbox.easybill.fields import accepted, checks, is_date, is_flag, is_text, one_of
from portal.sandbox.easybill.languages import SELLER, language_of
from portal.sandbox.easybill.lists import list_answer
from portal.sandbox.easybill.store import DOCUMENTS, POST_BOXES, transaction
from portal.sandbox.easybill.wire import Body, moment, nothing, now, request_body

blueprint = Blueprint("delivery", __name__)

_WRITABLE = {
    **checks(is_text, "cc from message subject to"),
    **checks(is_flag, "send_by_self send_with_attachment"),
    "date": is_date,
    "document_file_type": one_of(
        "default",
        "zugferd1",
        "zugferd2_2",
        "xrechnung",
        "xrechnung_xml",
        "xrechnung2_2_xml",
        "xrechnung3_0_xml",
    ),
}


@blueprint.get("/post-boxes")
def find() -> Response:
    return list_answer(POST_BOXES, ["type", "status", "document_id"])


@blueprint.post("/documents/<int:document_id>/send/email")
def send(document_id: int) -> Response:
    given = accepted(request_body(), _WRITABLE)
    with transaction() as records:
        document = records.get(DOCUMENTS, document_id)
        letter = _letter(document, given) | {"id": records.next_id(POST_BOXES)}
        document["last_postbox_id"] = letter["id"]
        records.put(POST_BOXES, letter)
        records.put(DOCUMENTS, document)
    return nothing()


def _letter(document: Body, given: Body) -> Body:
    """The entry of one e-mail; `create_at` is the misspelling EasyBill sends beside its documented name."""
    instant = moment(now())
    recipient = given.get("to") or ", ".join(document["customer_snapshot"].get("emails") or ())
    language = language_of(document)
    return {
        "cc": None,
        "date": instant[:10],
        "document_file_type": None,
        "from": SELLER.email,
        "message": language.email_message,
        "send_by_self": False,
        "send_with_attachment": True,
        "subject": language.email_subject,
        **{name: value for name, value in given.items() if value is not None},
        "create_at": instant,
        "created_at": instant,
        "document_id": document["id"],
        "login_id": LOGIN_ID,
        "post_send_type": None,
        "processed_at": instant if recipient else None,
        "status": "OK" if recipient else "ERROR",
        "status_msg": None if recipient else "Es wurde keine Empfängeradresse angegeben.",
        "to": recipient,
        "tracking_identifier": None,
        "type": "EMAIL",
    }
