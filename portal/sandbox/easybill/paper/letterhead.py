"""The recipient of the letter, and the facts beside the address: number, dates, references."""

from functools import partial
from typing import TypeAlias

from babel import Locale

from portal.sandbox.easybill.languages import Language
from portal.sandbox.easybill.paper.figures import Figures
from portal.sandbox.easybill.paper.lettering import printable
from portal.sandbox.easybill.wire import Body

Row: TypeAlias = tuple[str, str]

_SALUTATIONS = {1: "Herrn", 2: "Frau", 3: "Firma", 4: "Herrn und Frau", 5: "Eheleute", 6: "Familie"}


def recipient(document: Body, language: Language) -> list[str]:
    """The lines of the address window; a country only when the letter leaves Germany."""
    lines_of = document["label_address"] if document["use_shipping_address"] else {}
    address = lines_of if lines_of.get("city") else document["address"]
    part = partial(_joined, address)
    salutation = _SALUTATIONS.get(address.get("salutation") or 0, "") if address.get("last_name") else ""
    lines = [
        address.get("company_name"),
        " ".join(filter(None, (salutation, part("title", "first_name", "last_name")))),
        address.get("suffix_1"),
        address.get("suffix_2"),
        address.get("street"),
        part("zip_code", "city"),
        "" if address.get("country") in {None, "DE"} else _country(address["country"], language),
    ]
    return [printable(line) for line in lines if line]


def _country(code: str, language: Language) -> str:
    name: str = Locale(language.template.lower()).territories.get(code, code)
    return name.upper()


def _joined(address: Body, *names: str) -> str:
    return " ".join(address[name] for name in names if address.get(name))


def facts_of(document: Body, figures: Figures) -> list[Row]:
    words = figures.language.words
    is_invoice = document["type"] == "INVOICE"
    facts = [
        (words["invoice_number" if is_invoice else "number"], document["number"] or words["draft"]),
        (words["invoice_date" if is_invoice else "document_date"], figures.day(document["document_date"])),
        _service(document, figures),
        (words["due_date"], figures.day(document["due_date"]) if is_invoice and document["due_date"] else ""),
        (words["customer_number"], document["customer_snapshot"].get("number")),
        (words["customer_vat_id"], document["vat_id"]),
        (words["order_number"], document["order_number"]),
        (words["buyer_reference"], document["buyer_reference"]),
    ]
    return [(label, printable(value)) for label, value in facts if value]


def _service(document: Body, figures: Figures) -> Row:
    date = document["service_date"]
    words = figures.language.words
    label = words["delivery_date" if date.get("type") == "DELIVERY" else "service_date"]
    if date.get("date_from") and date.get("date_to"):
        return words["service_period"], figures.period(date["date_from"], date["date_to"])
    return label, figures.day(date["date"]) if date.get("date") else date.get("text") or ""
