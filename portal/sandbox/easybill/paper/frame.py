"""What every page carries: the sender's head and foot, the page count, and a stamp that it is no invoice."""

from collections.abc import Sequence
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm

from portal.sandbox.easybill.languages import SELLER, Language

WIDTH, HEIGHT = A4
LEFT = 25 * mm
RIGHT = 20 * mm
BOTTOM = 36 * mm
TOP_FIRST = 97 * mm  # the address window and the facts beside it
TOP_LATER = 32 * mm

INK = HexColor("#1b2430")
MUTED = HexColor("#5c6775")
LINE = HexColor("#c9d0d8")
ACCENT = HexColor("#0f6e84")
_STAMP_INK = HexColor("#eceff2")

STAMP = "MUSTER – kein Beleg"
PAGE_TOTAL = "page-total"

_ADDRESS_TOP = HEIGHT - 52 * mm
_FACTS_LEFT = 125 * mm


def draw_first(
    canvas: Any, language: Language, address: Sequence[str], facts: Sequence[tuple[str, str]]
) -> None:
    draw_later(canvas, language)
    _draw_address(canvas, address)
    _draw_facts(canvas, facts)


def draw_later(canvas: Any, language: Language) -> None:
    canvas.saveState()
    _draw_stamp(canvas)
    _draw_head(canvas)
    _draw_foot(canvas, language)
    canvas.restoreState()


def draw_page_total(canvas: Any) -> None:
    """Fill in, on the last page, the number all pages have left room for."""
    total = str(canvas.getPageNumber())
    canvas.beginForm(PAGE_TOTAL)
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(MUTED)
    canvas.drawString(0, 0, total)
    canvas.endForm()


def _draw_stamp(canvas: Any) -> None:
    canvas.saveState()
    canvas.translate(WIDTH / 2, HEIGHT / 2)
    canvas.rotate(52)
    canvas.setFillColor(_STAMP_INK)
    canvas.setFont("Helvetica-Bold", 58)
    canvas.drawCentredString(0, -20, STAMP)
    canvas.restoreState()


def _draw_head(canvas: Any) -> None:
    top = HEIGHT - 21 * mm
    _draw_mark(canvas, LEFT, top)
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica-Bold", 15)
    canvas.drawString(LEFT + 12 * mm, top + 1.2 * mm, "Nordlicht")
    canvas.setFillColor(ACCENT)
    canvas.setFont("Helvetica", 15)
    canvas.drawString(
        LEFT + 12 * mm + canvas.stringWidth("Nordlicht ", "Helvetica-Bold", 15), top + 1.2 * mm, "Cloud"
    )


def _draw_mark(canvas: Any, left: float, bottom: float) -> None:
    """Three rising bands of northern light."""
    for band, height in enumerate((4.4, 6.4, 8.4)):
        canvas.setFillColor((HexColor("#7cc7c3"), HexColor("#2f97a3"), ACCENT)[band])
        canvas.roundRect(
            left + band * 3 * mm, bottom - 1 * mm, 2.2 * mm, height * mm, 1.1 * mm, stroke=0, fill=1
        )


def _draw_address(canvas: Any, address: Sequence[str]) -> None:
    canvas.setFillColor(MUTED)
    canvas.setFont("Helvetica", 7)
    sender = f"{SELLER.name} · {SELLER.street} · {SELLER.town}"
    canvas.drawString(LEFT, _ADDRESS_TOP + 2.2 * mm, sender)
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.4)
    canvas.line(LEFT, _ADDRESS_TOP + 1 * mm, LEFT + 80 * mm, _ADDRESS_TOP + 1 * mm)
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica", 10)
    for row, line in enumerate(address):
        canvas.drawString(LEFT, _ADDRESS_TOP - (5 + 4.9 * row) * mm, line)


def _draw_facts(canvas: Any, facts: Sequence[tuple[str, str]]) -> None:
    for row, (label, value) in enumerate(facts):
        height = _ADDRESS_TOP + (2.2 - 5.4 * row) * mm
        canvas.setFont("Helvetica", 8.5)
        canvas.setFillColor(MUTED)
        canvas.drawString(_FACTS_LEFT - 8 * mm, height, label)
        canvas.setFillColor(INK)
        canvas.drawRightString(WIDTH - RIGHT, height, value)


def _draw_foot(canvas: Any, language: Language) -> None:
    words = language.words
    columns = (
        (LEFT, (SELLER.name, SELLER.street, SELLER.town, words["seller_country"])),
        (66 * mm, (f"{words['phone']} {SELLER.phone}", SELLER.email, SELLER.website)),
        (119 * mm, (SELLER.bank, f"IBAN {SELLER.iban}", f"BIC {SELLER.bic}")),
    )
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.4)
    canvas.line(LEFT, 29 * mm, WIDTH - RIGHT, 29 * mm)
    canvas.setFillColor(MUTED)
    canvas.setFont("Helvetica", 7)
    for left, lines in columns:
        for row, line in enumerate(lines):
            canvas.drawString(left, (25 - 3.4 * row) * mm, line)
    legal = f"{SELLER.register} · {words['director']}: {SELLER.director} · {words['vat_id']} {SELLER.vat_id}"
    canvas.drawString(LEFT, 9 * mm, legal)
    _draw_page_count(canvas, words["page"].format(page=canvas.getPageNumber()))


def _draw_page_count(canvas: Any, text: str) -> None:
    """The page and, by reference to a form drawn last, how many there are."""
    canvas.setFont("Helvetica", 8)
    right = WIDTH - RIGHT - 5 * mm
    canvas.drawRightString(right, 9 * mm, text)
    canvas.saveState()
    canvas.translate(right + 1 * mm, 9 * mm)
    canvas.doForm(PAGE_TOTAL)
    canvas.restoreState()
