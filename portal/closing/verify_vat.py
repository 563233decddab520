"""Proves the VAT of final invoices: their facts fit each other, and their amounts follow from them.

What an invoice keeps of VAT (country, VAT id, case) decides what is due and what its legal document says. The
amounts are computed anew from the lines, the facts of the months that they are about, and the table of rates.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import func, select

from portal.domain.countries import COUNTRIES
from portal.domain.period import Month
from portal.domain.vat import EU, VatBasis, VatCase, VatRules, apply_credit, document_totals, vat_area
from portal.models import Invoice, InvoiceItem, LegalDocument
from portal.storage import db

_SLICE = 200
_Nets = Mapping[tuple[int, int], Counter[str]]  # (organization, invoice) -> {month that is taxed: net}


class _Invoice(NamedTuple):
    """A final invoice with its facts of VAT, and what its legal document says, if there is one."""

    organization_id: int
    id: int
    number: str
    period: str
    vat_country: str | None
    vat_id: str | None
    vat_case: str | None
    total_cents: int
    due_cents: int | None
    credit_cents: int | None
    document: str | None
    document_net_cents: int | None
    document_gross_cents: int | None

    @property
    def basis(self) -> VatBasis | None:
        if self.vat_case is None or self.vat_country is None:
            return None
        return VatBasis(VatCase(self.vat_case), self.vat_country)


def vat_differences(rules: VatRules) -> Iterator[str]:
    """Yield a sentence for each final invoice whose VAT is not what its own facts and lines make it."""
    query = select(Invoice.organization_id).distinct().order_by(Invoice.organization_id)
    organization_ids = db.session.scalars(query).all()
    for start in range(0, len(organization_ids), _SLICE):
        part = organization_ids[start : start + _SLICE]
        nets = _nets(part)
        for _, invoices in groupby(_invoices(part), key=attrgetter("organization_id")):
            yield from _of_organization(invoices, nets, rules)


def _invoices(organization_ids: Sequence[int]) -> Iterator[_Invoice]:
    own_document = (LegalDocument.organization_id == Invoice.organization_id) & (
        LegalDocument.provider_document_id == Invoice.provider_document_id
    )
    columns = [getattr(Invoice, name) for name in _Invoice._fields[:-3]]
    query = (
        select(*columns, LegalDocument.number, LegalDocument.net_cents, LegalDocument.gross_cents)
        .join(LegalDocument, own_document, isouter=True)
        .where(Invoice.organization_id.in_(organization_ids))
        .order_by(Invoice.organization_id, Invoice.id)
    )
    yield from (_Invoice._make(row) for row in db.session.execute(query))


def _nets(organization_ids: Sequence[int]) -> _Nets:
    """Sum the lines of invoices by the month that they are taxed as; '' is the invoice's own."""
    key = InvoiceItem.organization_id, InvoiceItem.invoice_id, InvoiceItem.corrects_period
    query = (
        select(*key, func.sum(InvoiceItem.total_cents))
        .where(InvoiceItem.organization_id.in_(organization_ids))
        .group_by(*key)
    )
    nets: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for organization_id, invoice_id, period, net in db.session.execute(query):
        nets[organization_id, invoice_id][period or ""] += int(net)
    return nets


def _of_organization(invoices: Iterable[_Invoice], nets: _Nets, rules: VatRules) -> Iterator[str]:
    bases: dict[str, VatBasis | None] = {}
    credit = 0
    for invoice in invoices:
        says = f"organization {invoice.organization_id}, invoice {invoice.number}:"
        fault = _fault(invoice, rules)
        if fault:
            bases[invoice.period] = None
            yield f"{says} {fault}"
        else:
            bases[invoice.period] = invoice.basis
            gross = _gross(invoice, nets[invoice.organization_id, invoice.id], bases, rules)
            yield from (f"{says} {each}" for each in _in_amounts(invoice, gross, credit))
        credit = credit if invoice.credit_cents is None else invoice.credit_cents


def _fault(invoice: _Invoice, rules: VatRules) -> str | None:
    """Return what is wrong with the facts of an invoice, taken by themselves."""
    if invoice.vat_country is None:
        return "the country of its VAT is missing"
    if invoice.vat_country not in COUNTRIES:
        return f"{invoice.vat_country!r} is no country of VAT"
    possible = _possible_cases(invoice.vat_country, invoice.vat_id, rules)
    if invoice.vat_case not in possible:
        place = f"{invoice.vat_country} with{'' if invoice.vat_id else 'out'} a VAT id"
        return f"its case of VAT is {invoice.vat_case or 'missing'}, in {place}"
    if invoice.vat_case is None and invoice.due_cents is not None:
        return "its case of VAT is missing, while what is due was computed"
    return None


def _possible_cases(country: str, vat_id: str | None, rules: VatRules) -> Sequence[str | None]:
    area = vat_area(country)
    if area == rules.home:
        return [VatCase.DOMESTIC]
    if area not in EU:
        return [VatCase.THIRD_COUNTRY]
    if vat_id:
        return [VatCase.REVERSE_CHARGE]
    return [VatCase.ONE_STOP_SHOP, VatCase.DOMESTIC, None]  # as EU_WITHOUT_VAT_ID said at that time


def _gross(
    invoice: _Invoice, net_by_period: Counter[str], bases: Mapping[str, VatBasis | None], rules: VatRules
) -> int | None:
    """Return the gross amount of an invoice; None where VAT is undetermined."""
    rated = []
    for corrected, net in net_by_period.items():
        taxed_as = corrected or invoice.period
        basis = bases.get(taxed_as) or invoice.basis
        if basis is None:
            return None
        treatment = rules.treatment_of(basis, Month.parse(taxed_as).last_on)
        rated.append((treatment.rate_basis_points, net))
    return document_totals(rated).gross_minor


def _in_amounts(invoice: _Invoice, gross: int | None, credit: int) -> Iterator[str]:
    due, left = (None, None) if gross is None else apply_credit(credit, gross)
    if (invoice.due_cents, invoice.credit_cents) != (due, left):
        yield (
            f"its lines and its VAT leave {due} due and a credit of {left},"
            f" it says {invoice.due_cents} and {invoice.credit_cents}"
        )
    if gross is None or invoice.document is None:
        return
    net, with_vat = invoice.document_net_cents, invoice.document_gross_cents
    if (net, with_vat) != (invoice.total_cents, gross):
        yield (
            f"document {invoice.document} has {net} net and {with_vat} gross,"
            f" its lines and its VAT make {invoice.total_cents} and {gross}"
        )
