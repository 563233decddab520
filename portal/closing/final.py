"""Writes upcoming invoices down as final invoices, and marks the late usage that they bill."""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence

from portal.domain.vat import VatRules, VatUndeterminedError
from portal.ledger import audit
from portal.ledger.audit import Change
from portal.ledger.credit_balance import credit_balances, due_and_credit
from portal.ledger.upcoming import UpcomingInvoice
from portal.ledger.vat_snapshot import VatSnapshot, vat_snapshot_for
from portal.models import (
    Delivery,
    Invoice,
    InvoiceItem,
    Organization,
    UsageCorrection,
    draw_each,
    insert_rows,
)
from portal.storage import change

log = logging.getLogger(__name__)


def write_invoices(upcoming: Sequence[UpcomingInvoice], vat_rules: VatRules, now: dt.datetime) -> None:
    """Make upcoming invoices final, one for each organization.

    The caller holds the organizations' usage locks, and commits.
    """
    if not upcoming:
        return
    one_of_each = {invoice.organization.id: 1 for invoice in upcoming}
    ids = draw_each(Invoice.__tablename__, one_of_each)
    numbers = draw_each("invoice_number", one_of_each)
    item_ids = draw_each(
        InvoiceItem.__tablename__, {invoice.organization.id: len(invoice.lines) for invoice in upcoming}
    )
    balances, snapshot = credit_balances(one_of_each), vat_snapshot_for(upcoming)
    invoices, items = [], []
    for invoice in upcoming:
        organization_id = invoice.organization.id
        invoice_id, balance = ids[organization_id][0], balances.get(organization_id, 0)
        number = f"{invoice.organization.number}-{numbers[organization_id][0]:04d}"
        invoices.append(
            _row(invoice, invoice_id, number, balance, vat_snapshot=snapshot, vat_rules=vat_rules, now=now)
        )
        items += _item_rows(invoice, invoice_id, item_ids[organization_id])
        log.info("month closed", extra={"invoice": number, "period": str(invoice.month)})
    insert_rows(Invoice, invoices)
    insert_rows(InvoiceItem, items)
    audit.record_each([_closing(invoice, row) for invoice, row in zip(upcoming, invoices, strict=True)])
    for invoice in upcoming:
        if any(line.corrects_period for line in invoice.lines):
            _mark_billed(invoice.organization.id, ids[invoice.organization.id][0])


def _row(
    invoice: UpcomingInvoice,
    invoice_id: int,
    number: str,
    credit_before: int,
    *,
    vat_snapshot: VatSnapshot,
    vat_rules: VatRules,
    now: dt.datetime,
) -> dict[str, object]:
    due, credit = due_and_credit(invoice, credit_before, vat_snapshot=vat_snapshot, vat_rules=vat_rules)
    # Where months are taxed differently, nothing net may still be VAT: that too needs a document.
    is_nothing = not invoice.total.cents and (due is None or due + (credit or 0) == credit_before)
    return {
        "organization_id": invoice.organization.id,
        "id": invoice_id,
        "uid": invoice.uid,
        "period": str(invoice.month),
        "number": number,
        "currency": invoice.organization.currency,
        "total_cents": invoice.total.cents,
        "due_cents": due,
        "credit_cents": credit,
        **_vat(invoice.organization, vat_rules),
        "closed_at": now,
        "delivery": Delivery.NOT_NEEDED if is_nothing else Delivery.PENDING,
        "attempts": 0,
    }


def _vat(organization: Organization, vat_rules: VatRules) -> dict[str, object]:
    """Say what VAT depends on at this moment: the document and later corrections of the month rest on it."""
    try:
        case = vat_rules.basis_of(organization.country, organization.vat_id).case
    except VatUndeterminedError:
        case = None
    return {"vat_country": organization.country, "vat_id": organization.vat_id, "vat_case": case}


def _closing(invoice: UpcomingInvoice, row: Mapping[str, object]) -> Change:
    after = {name: row[name] for name in ("number", "period", "currency", "total_cents", "due_cents")}
    return Change(invoice.organization.id, "invoice.final", str(invoice.uid), after=after)


def _item_rows(invoice: UpcomingInvoice, invoice_id: int, ids: Sequence[int]) -> list[dict[str, object]]:
    organization_id = invoice.organization.id
    return [
        {"organization_id": organization_id, "id": item_id, "invoice_id": invoice_id, **line.row}
        for item_id, line in zip(ids, invoice.lines, strict=True)
    ]


def _mark_billed(organization_id: int, invoice_id: int) -> None:
    own = UsageCorrection.organization_id == organization_id
    change(UsageCorrection, own & UsageCorrection.invoice_id.is_(None), invoice_id=invoice_id)
