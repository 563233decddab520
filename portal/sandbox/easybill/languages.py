"""The words of a document in German and English, and its sender: all of it invented."""

from collections.abc import Mapping
from dataclasses import dataclass

from portal.sandbox.easybill.wire import Body

_GERMAN_SPEAKING = {None, "", "AT", "CH", "DE", "LI"}


@dataclass(frozen=True)
class Seller:
    name: str
    street: str
    town: str
    email: str
    phone: str
    website: str
    vat_id: str
    register: str
    director: str
    bank: str
    iban: str
    bic: str


SELLER = Seller(
    name="Nordlicht Cloud GmbH",
    street="Musterstraße 1",
    town="20095 Hamburg",
    email="rechnung@nordlicht-cloud.example",
    phone="+49 40 0000000",
    website="nordlicht-cloud.example",
    vat_id="DE123456789",
    register="Amtsgericht Hamburg, HRB 000000",
    director="Mia Muster",
    bank="Musterbank Hamburg",
    iban="DE00 0000 0000 0000 0000 00",
    bic="MUSTDEXXXXX",
)


@dataclass(frozen=True)
class Language:
    """A language's template: `template` is EasyBill's name for it, `words` the labels by our own names."""

    template: str
    decimal_mark: str
    group_mark: str
    date_format: str
    titles: Mapping[str, str]
    words: Mapping[str, str]
    vat_notes: Mapping[str, str]
    text_prefix: str
    credit_prefix: str
    text: str
    email_subject: str
    email_message: str


GERMAN = Language(
    template="DE",
    decimal_mark=",",
    group_mark=".",
    date_format="%d.%m.%Y",
    titles={
        "INVOICE": "Rechnung",
        "CREDIT": "Rechnungskorrektur",
        "STORNO": "Stornorechnung",
        "STORNO_CREDIT": "Storno-Rechnungskorrektur",
        "OFFER": "Angebot",
        "ORDER": "Auftragsbestätigung",
        "PROFORMA_INVOICE": "Proformarechnung",
    },
    words={
        "document": "Dokument",
        "draft": "Entwurf",
        "number": "Nummer",
        "invoice_number": "Rechnungsnummer",
        "invoice_date": "Rechnungsdatum",
        "document_date": "Datum",
        "service_period": "Leistungszeitraum",
        "service_date": "Leistungsdatum",
        "delivery_date": "Lieferdatum",
        "customer_number": "Kundennummer",
        "customer_vat_id": "Ihre USt-IdNr.",
        "order_number": "Bestellnummer",
        "buyer_reference": "Ihre Referenz",
        "due_date": "Fällig am",
        "position": "Pos.",
        "description": "Beschreibung",
        "quantity": "Menge",
        "unit": "Einheit",
        "vat_rate": "USt.",
        "price": "Einzelpreis",
        "net_amount": "Gesamt netto",
        "net": "Nettobetrag",
        "vat": "Umsatzsteuer {rate} %",
        "vat_of": "Umsatzsteuer {rate} % auf {net}",
        "gross": "Gesamtbetrag",
        "discount": "Rabatt",
        "refers_to": "Diese Stornorechnung hebt die Rechnung {number} vom {date} vollständig auf.",
        "payment": "Zahlbar ohne Abzug bis zum {date} auf das unten genannte Konto. "
        "Bitte geben Sie als Verwendungszweck {number} an.",
        "page": "Seite {page} von",
        "phone": "Telefon",
        "seller_country": "Deutschland",
        "director": "Geschäftsführung",
        "vat_id": "USt-IdNr.",
    },
    vat_notes={
        "nStb": "Nicht steuerbare Leistung: der Leistungsort liegt im Drittland.",
        "nStbUstID": "Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge, Art. 196 MwStSystRL).",
        "nStbNoneUstID": "Im Inland nicht steuerbare Leistung.",
        "nStbIm": "Nicht steuerbarer Innenumsatz.",
        "revc": "Steuerschuldnerschaft des Leistungsempfängers (§ 13b UStG).",
        "IG": "Steuerfreie innergemeinschaftliche Lieferung (§ 4 Nr. 1 Buchst. b UStG).",
        "AL": "Steuerfreie Ausfuhrlieferung (§ 4 Nr. 1 Buchst. a UStG).",
        "sStfr": "Steuerfreier Umsatz.",
        "smallBusiness": "Kein Ausweis von Umsatzsteuer, da Kleinunternehmer (§ 19 UStG).",
    },
    text_prefix="%KUNDE.ANREDE%,\nnachfolgend berechnen wir Ihnen wie vereinbart:\n",
    credit_prefix="%KUNDE.ANREDE%,\nnachfolgend schreiben wir Ihnen gut:\n",
    text="Vielen Dank für Ihren Auftrag!\n\nMit freundlichen Grüßen\n%FIRMA.FIRMA%\n",
    email_subject="Rechnung-%DOKUMENT.NUMMER%",
    email_message="%KUNDE.ANREDE%,\n\nanbei erhalten Sie Ihre Rechnung Nr. %DOKUMENT.NUMMER% "
    "vom %DOKUMENT.DATUM%.\n\nMit freundlichen Grüßen\n%FIRMA.FIRMA%",
)

ENGLISH = Language(
    template="EN",
    decimal_mark=".",
    group_mark=",",
    date_format="%-d %b %Y",
    titles={
        "INVOICE": "Invoice",
        "CREDIT": "Credit note",
        "STORNO": "Cancellation invoice",
        "STORNO_CREDIT": "Cancelled credit note",
        "OFFER": "Quotation",
        "ORDER": "Order confirmation",
        "PROFORMA_INVOICE": "Pro forma invoice",
    },
    words={
        "document": "Document",
        "draft": "Draft",
        "number": "Number",
        "invoice_number": "Invoice number",
        "invoice_date": "Invoice date",
        "document_date": "Date",
        "service_period": "Service period",
        "service_date": "Date of service",
        "delivery_date": "Date of delivery",
        "customer_number": "Customer number",
        "customer_vat_id": "Your VAT ID",
        "order_number": "Order number",
        "buyer_reference": "Your reference",
        "due_date": "Due date",
        "position": "No.",
        "description": "Description",
        "quantity": "Quantity",
        "unit": "Unit",
        "vat_rate": "VAT",
        "price": "Unit price",
        "net_amount": "Net amount",
        "net": "Net total",
        "vat": "VAT {rate}%",
        "vat_of": "VAT {rate}% on {net}",
        "gross": "Total",
        "discount": "Discount",
        "refers_to": "This document cancels invoice {number} of {date} in full.",
        "payment": "Payable without deduction by {date} to the account below. "
        "Please state {number} as payment reference.",
        "page": "Page {page} of",
        "phone": "Phone",
        "seller_country": "Germany",
        "director": "Managing director",
        "vat_id": "VAT ID",
    },
    vat_notes={
        "nStb": "Not subject to German VAT: the place of supply is outside the EU.",
        "nStbUstID": "Reverse charge: the recipient accounts for VAT (Art. 196 Directive 2006/112/EC).",
        "nStbNoneUstID": "Not subject to German VAT.",
        "nStbIm": "Internal supply, not subject to VAT.",
        "revc": "Reverse charge: the recipient accounts for VAT (section 13b German VAT Act).",
        "IG": "VAT-exempt intra-Community supply.",
        "AL": "VAT-exempt export.",
        "sStfr": "VAT-exempt supply.",
        "smallBusiness": "No VAT is charged (small business, section 19 German VAT Act).",
    },
    text_prefix="%KUNDE.ANREDE%,\nas agreed, we charge you for the following:\n",
    credit_prefix="%KUNDE.ANREDE%,\nwe credit you with the following:\n",
    text="Thank you for your business.\n\nKind regards\n%FIRMA.FIRMA%\n",
    email_subject="Invoice %DOKUMENT.NUMMER%",
    email_message="%KUNDE.ANREDE%,\n\nplease find attached invoice %DOKUMENT.NUMMER% "
    "of %DOKUMENT.DATUM%.\n\nKind regards\n%FIRMA.FIRMA%",
)


def language_of(document: Body) -> Language:
    """The language its template names, or else the one of the customer's country."""
    if document["pdf_template"] in {"DE", "EN"}:
        return ENGLISH if document["pdf_template"] == "EN" else GERMAN
    country = document["customer_snapshot"].get("country")
    return GERMAN if country in _GERMAN_SPEAKING else ENGLISH
