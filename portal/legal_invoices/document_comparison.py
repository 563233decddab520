"""A legal document beside the lines of the invoice it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.domain.money import Money
from portal.ledger.document_lines import DocumentLine, document_lines
from portal.ledger.invoice_lines import invoice_lines
from portal.models import Invoice, InvoiceLine, Organization


@dataclass(frozen=True, slots=True)
class DocumentComparison:
    """All lines of a document, each with those it comes from; `hidden_lines` cost nothing and are on none."""

    document_lines: Sequence[DocumentLine]
    lines_total: Money
    hidden_lines: int


def document_comparison(
    organization: Organization, invoice: Invoice | None, currency: str
) -> DocumentComparison:
    """Compare a document with its invoice; a document without an invoice has no lines."""
    lines: Sequence[InvoiceLine] = ()
    if invoice is not None:
        head = invoice.head(organization.uid)
        lines = invoice_lines(head, organization.id, invoice.id, by_project=True)
    composed = document_lines(lines, currency)
    return DocumentComparison(
        composed,
        Money(sum(line.total_cents for line in lines), currency),
        hidden_lines=len(lines) - sum(len(line.lines) for line in composed),
    )
