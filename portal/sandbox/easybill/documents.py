"""Documents: /documents, from the draft to the PDF."""

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from portal.sandbox.easybill import document_rules
from portal.sandbox.easybill.languages import language_of
from portal.sandbox.easybill.lists import list_answer
from portal.sandbox.easybill.store import DOCUMENTS, PAYMENTS, Records, transaction
from portal.sandbox.easybill.wire import Body, Refusal, answer, nothing, now, request_body

if TYPE_CHECKING:
    from portal.sandbox.easybill.paper import Paper

blueprint = Blueprint("documents", __name__)

_FILTERS = """
type is_draft is_archive customer_id project_id ref_id title number cancel_id fulfillment_country
vat_country shipping_country status
"""
_PDF_ASKED_FOR = re.compile(r"(application/pdf|application/\*|\*/\*)\s*(;\s*q=[0-9.]+\s*)?")


@blueprint.get("/documents")
def find() -> Response:
    return list_answer(DOCUMENTS, _FILTERS.split(), dates=["document_date", "edited_at", "paid_at"])


@blueprint.post("/documents")
def create() -> Response:
    given = request_body()
    with transaction() as records:
        document = document_rules.draft(records, given, now())
        records.put(DOCUMENTS, document)
    return answer(document, HTTPStatus.CREATED)


@blueprint.get("/documents/<int:document_id>")
def show(document_id: int) -> Response:
    with transaction() as records:
        return answer(records.get(DOCUMENTS, document_id))


@blueprint.put("/documents/<int:document_id>")
def change(document_id: int) -> Response:
    given = request_body()
    is_customer_refreshed = request.args.get("refresh_customer_data") == "true"
    with transaction() as records:
        document = document_rules.revise(
            records,
            records.get(DOCUMENTS, document_id),
            given,
            now(),
            is_customer_refreshed=is_customer_refreshed,
        )
        records.put(DOCUMENTS, document)
    return answer(document)


@blueprint.delete("/documents/<int:document_id>")
def delete(document_id: int) -> Response:
    """Drafts and finished documents alike: EasyBill does not protect an invoice from its owner."""
    with transaction() as records:
        records.delete(DOCUMENTS, document_id)
        _, payments = records.page(PAYMENTS, {"document_id": [(str(document_id),) * 2]}, limit=1000)
        for payment in payments:
            records.delete(PAYMENTS, payment["id"])
    return nothing()


@blueprint.put("/documents/<int:document_id>/done")
def finish(document_id: int) -> Response:
    with transaction() as records:
        document = records.get(DOCUMENTS, document_id)
        if document["is_draft"]:
            document = document_rules.finish(records, document, now())
            document["pdf_pages"] = _paper(records, document).pages
            records.put(DOCUMENTS, document)
    return answer(document)


@blueprint.post("/documents/<int:document_id>/cancel")
def cancel(document_id: int) -> Response:
    with transaction() as records:
        original = records.get(DOCUMENTS, document_id)
        storno = document_rules.cancel(records, original, now())
        storno["pdf_pages"] = _paper(records, storno).pages
        records.put(DOCUMENTS, storno)
        records.put(DOCUMENTS, original)
    return answer(storno)


@blueprint.get("/documents/<int:document_id>/pdf")
def pdf(document_id: int) -> Response:
    return _printed(document_id)


@blueprint.get("/documents/<int:document_id>/download")
def download(document_id: int) -> Response:
    """The plain PDF or 406: electronic invoices are EasyBill's own business, not rehearsed here."""
    wanted = request.headers.get("Accept") or "*/*"
    if not any(_PDF_ASKED_FOR.fullmatch(each.strip()) for each in wanted.split(",")):
        with transaction() as records:
            records.get(DOCUMENTS, document_id)
        raise Refusal(HTTPStatus.NOT_ACCEPTABLE, "No matching format of the document is available.")
    return _printed(document_id)


def _printed(document_id: int) -> Response:
    with transaction() as records:
        document = records.get(DOCUMENTS, document_id)
        paper = _paper(records, document)
    number = re.sub(r"[^\w.-]+", "-", document["number"] or "Entwurf", flags=re.ASCII)
    name = f"{language_of(document).titles.get(document['type'], 'Dokument')}-{number}-{document_id}.pdf"
    return Response(
        paper.pdf,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )


def _paper(records: Records, document: Body) -> "Paper":
    """The printed document; a cancellation prints the positions of what it refers to."""
    from portal.sandbox.easybill.paper import render  # noqa: PLC0415 - reportlab is slow to import

    original = None if document["ref_id"] is None else records.find(DOCUMENTS, document["ref_id"])
    return render(document, original)
