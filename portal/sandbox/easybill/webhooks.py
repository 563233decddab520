"""The set-up of an account: webhooks, which are kept but never called, and its PDF templates."""

from http import HTTPStatus

from flask import Blueprint, Response, request

from portal.sandbox.easybill.fields import accepted, checks, is_flag, is_text, list_of, one_of
from portal.sandbox.easybill.languages import ENGLISH, GERMAN, Language
from portal.sandbox.easybill.lists import list_answer
from portal.sandbox.easybill.store import WEBHOOKS, transaction
from portal.sandbox.easybill.wire import Body, answer, missing, nothing, request_body

blueprint = Blueprint("webhooks", __name__)

_REQUIRED = ("url", "content_type", "secret", "events", "description")
_EVENTS = """
document.create document.update document.completed document.deleted document.payment_add
document.payment_delete customer.create customer.update customer.delete contact.create
contact.update contact.delete position.create position.update position.delete postbox.create
postbox.update postbox.delete postbox.sent
"""
_WRITABLE = {
    **checks(is_text, "description secret url"),
    "content_type": one_of("form", "json"),
    "events": list_of(one_of(*_EVENTS.split())),
    "is_active": is_flag,
}
_TEMPLATE_TYPES = ("INVOICE", "CREDIT", "STORNO", "STORNO_CREDIT")


@blueprint.get("/webhooks")
def find() -> Response:
    return list_answer(WEBHOOKS, [])


@blueprint.post("/webhooks")
def create() -> Response:
    given = accepted(request_body(), _WRITABLE)
    absent = [name for name in _REQUIRED if given.get(name) is None]
    if absent:
        raise missing(*absent)
    never: Body = {"date": None, "code": None, "response": None}
    with transaction() as records:
        webhook = {"is_active": False, **given, "id": records.next_id(WEBHOOKS), "last_response": never}
        records.put(WEBHOOKS, webhook)
    return answer(webhook, HTTPStatus.CREATED)


@blueprint.get("/webhooks/<int:webhook_id>")
def show(webhook_id: int) -> Response:
    with transaction() as records:
        return answer(records.get(WEBHOOKS, webhook_id))


@blueprint.put("/webhooks/<int:webhook_id>")
def change(webhook_id: int) -> Response:
    given = accepted(request_body(), _WRITABLE)
    with transaction() as records:
        webhook = records.get(WEBHOOKS, webhook_id) | given
        records.put(WEBHOOKS, webhook)
    return answer(webhook)


@blueprint.delete("/webhooks/<int:webhook_id>")
def delete(webhook_id: int) -> Response:
    with transaction() as records:
        records.delete(WEBHOOKS, webhook_id)
    return nothing()


@blueprint.get("/pdf-templates")
def templates() -> Response:
    asked = request.args.getlist("type[]") or request.args.get("type", "").split(",")
    types = [each for each in _TEMPLATE_TYPES if each in asked or asked == [""]]
    return answer({"items": [_template(each, language) for each in types for language in (GERMAN, ENGLISH)]})


def _template(document_type: str, language: Language) -> Body:
    return {
        "id": f"{document_type}-{language.template}",
        "name": "Default template",
        "pdf_template": language.template,
        "document_type": document_type,
        "settings": {
            "text_prefix": language.text_prefix,
            "text": language.text,
            "email": {"subject": language.email_subject, "message": language.email_message},
        },
    }
