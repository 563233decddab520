"""The contents of a document's pages: title, texts, positions, sums, and how to pay."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any

from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import BaseDocTemplate, Frame, KeepTogether, PageTemplate, Paragraph, Spacer, Table
from reportlab.platypus.doctemplate import NextPageTemplate
from reportlab.platypus.flowables import CallerMacro

from portal.sandbox.easybill.amounts import net_of_lines, vat_by_rate, whole_cents
from portal.sandbox.easybill.languages import SELLER, Language, language_of
from portal.sandbox.easybill.paper import frame
from portal.sandbox.easybill.paper.figures import Figures
from portal.sandbox.easybill.paper.letterhead import Row, facts_of, recipient
from portal.sandbox.easybill.paper.lettering import markup
from portal.sandbox.easybill.wire import Body

_BODY_WIDTH = frame.WIDTH - frame.LEFT - frame.RIGHT

_PLAIN = ParagraphStyle("plain", fontName="Helvetica", fontSize=9.5, leading=13, textColor=frame.INK)
_CELL = ParagraphStyle("cell", _PLAIN, fontSize=8.8, leading=11.6)
_CELL_RIGHT = ParagraphStyle("cell-right", _CELL, alignment=TA_RIGHT)
_HEADING = ParagraphStyle("heading", _CELL, fontName="Helvetica-Bold", fontSize=8.2, textColor=frame.MUTED)
_HEADING_RIGHT = ParagraphStyle("heading-right", _HEADING, alignment=TA_RIGHT)
_TITLE = ParagraphStyle("title", _PLAIN, fontName="Helvetica-Bold", fontSize=17, leading=21)
_SUBTITLE = ParagraphStyle("subtitle", _PLAIN, fontSize=10.5, leading=14, textColor=frame.MUTED)


@dataclass(frozen=True)
class Paper:
    pdf: bytes
    pages: int


@dataclass(frozen=True)
class Column:
    word: str
    width: float
    text: Callable[[Body], str]
    is_right: bool = True


def render(document: Body, original: Body | None) -> Paper:
    """The document as PDF; `original` is what a cancellation takes back, and lends it its positions."""
    language = language_of(document)
    figures = Figures(language, document["currency"])
    buffer = BytesIO()
    template = BaseDocTemplate(
        buffer,
        title=_title(document, language),
        author=SELLER.name,
        subject=frame.STAMP,
        lang=language.template.lower(),
        invariant=1,
    )
    template.addPageTemplates(_page_templates(document, figures))
    template.build(_story(document, original, figures))
    return Paper(buffer.getvalue(), template.page)


def _page_templates(document: Body, figures: Figures) -> list[Any]:
    language = figures.language
    address, facts = recipient(document, language), facts_of(document, figures)

    def on_first(canvas: Any, _template: Any) -> None:
        frame.draw_first(canvas, language, address, facts)

    def on_later(canvas: Any, _template: Any) -> None:
        frame.draw_later(canvas, language)

    return [
        PageTemplate("first", [_frame(frame.TOP_FIRST)], onPage=on_first),
        PageTemplate("later", [_frame(frame.TOP_LATER)], onPage=on_later),
    ]


def _frame(top: float) -> Any:
    height = frame.HEIGHT - top - frame.BOTTOM
    return Frame(
        frame.LEFT,
        frame.BOTTOM,
        _BODY_WIDTH,
        height,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )


def _story(document: Body, original: Body | None, figures: Figures) -> list[Any]:
    story: list[Any] = [
        NextPageTemplate("later"),
        Paragraph(markup(_title(document, figures.language)), _TITLE),
    ]
    if document["title"]:
        story.append(Paragraph(markup(document["title"]), _SUBTITLE))
    story += [Spacer(1, 4 * mm), *_opening(document, original, figures), Spacer(1, 3 * mm)]
    items = _items(document, original)
    if items:
        story += [_positions(items, figures), Spacer(1, 3 * mm)]
    closing = [Paragraph(text, _PLAIN) for text in _closing(document, figures)]
    # Terms and greeting stay together: a page with nothing but a greeting looks lost.
    story += [KeepTogether([_sums(document, items, figures), Spacer(1, 6 * mm)]), KeepTogether(closing)]
    story.append(CallerMacro(drawCallable=lambda flowable: frame.draw_page_total(flowable.canv)))
    return story


def _title(document: Body, language: Language) -> str:
    name = language.titles.get(document["type"], language.words["document"])
    return f"{name} {document['number'] or '(' + language.words['draft'] + ')'}"


def _opening(document: Body, original: Body | None, figures: Figures) -> list[Any]:
    if document["type"].startswith("STORNO"):
        if original is None:
            return []
        day = figures.day(original["document_date"])
        text = figures.language.words["refers_to"].format(number=original["number"], date=day)
        return [Paragraph(markup(text), _PLAIN)]
    return [Paragraph(markup(_filled(document["text_prefix"], document, figures)), _PLAIN)]


def _items(document: Body, original: Body | None) -> list[Body]:
    """The positions to print: its own, or those it takes back, with the sign turned."""
    if document["items"] or original is None or not document["type"].startswith("STORNO"):
        return list(document["items"])
    turned = ("total_price_net", "total_price_gross", "total_vat", "quantity")
    return [
        item | {name: -item[name] for name in turned if item[name] is not None} for item in original["items"]
    ]


def _columns(items: Sequence[Body], figures: Figures) -> list[Column]:
    """Units, rates and quantities of one take room only where they say something."""
    columns = [
        Column("position", 10 * mm, lambda item: str(item["position"]), is_right=False),
        Column("description", 0, lambda item: item["description"] or "", is_right=False),
        Column("quantity", 18 * mm, lambda item: figures.number(item["quantity"])),
        Column("unit", 17 * mm, lambda item: item["unit"] or "", is_right=False),
        Column("vat_rate", 12 * mm, lambda item: f"{figures.number(item['vat_percent'])} %"),
        Column("price", 22 * mm, lambda item: figures.amount(item["single_price_net"])),
        Column(
            "net_amount", 25 * mm, lambda item: figures.amount(whole_cents(Decimal(item["total_price_net"])))
        ),
    ]
    needless: set[str] = set()
    if not any(item["unit"] for item in items):
        needless.add("unit")
    if all(item["type"] == "TEXT" or abs(Decimal(item["quantity"])) == 1 for item in items):
        needless |= {"quantity", "price"}  # quantity and price stand in the description
    if len({Decimal(item["vat_percent"]) for item in items if item["type"] == "POSITION"}) < 2:
        needless.add("vat_rate")
    return [column for column in columns if column.word not in needless]


def _positions(items: Sequence[Body], figures: Figures) -> Any:
    columns = _columns(items, figures)
    words = figures.language.words
    head = [
        Paragraph(words[column.word], _HEADING_RIGHT if column.is_right else _HEADING) for column in columns
    ]
    rows = [[_cell(item, column) for column in columns] for item in items]
    rest = _BODY_WIDTH - sum(column.width for column in columns)
    table = Table(
        [head, *rows],
        colWidths=[column.width or rest for column in columns],
        repeatRows=1,
        splitInRow=1,
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 2 * mm),
            ("RIGHTPADDING", (0, 0), (-1, -1), 2 * mm),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
            ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 1.6 * mm),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1.8 * mm),
            ("LINEBELOW", (0, 0), (-1, 0), 0.9, frame.ACCENT),
            ("LINEBELOW", (0, 1), (-1, -1), 0.35, frame.LINE),
        ],
    )
    table.hAlign = "LEFT"
    return table


def _cell(item: Body, column: Column) -> Any:
    if item["type"] == "TEXT" and column.word not in {"position", "description"}:
        return ""
    return Paragraph(markup(column.text(item)), _CELL_RIGHT if column.is_right else _CELL)


def _sum_rows(document: Body, items: Sequence[Body], figures: Figures) -> list[Row]:
    words = figures.language.words
    by_rate = vat_by_rate(document, items)
    rows = [(words["net"], figures.money(document["amount_net"]))]
    discount = document["amount_net"] - net_of_lines(items)
    if discount and by_rate:
        rows.insert(0, (words["discount"], figures.money(discount)))
    word = words["vat_of"] if len(by_rate) > 1 else words["vat"]
    for rate, (net, vat) in by_rate.items():
        label = word.format(rate=figures.number(rate), net=figures.money(net))
        rows.append((label, figures.money(vat)))
    rows.append((words["gross"], figures.money(document["amount"])))
    return rows


def _sums(document: Body, items: Sequence[Body], figures: Figures) -> Any:
    rows = _sum_rows(document, items, figures)
    table = Table(
        rows,
        colWidths=[62 * mm, 34 * mm],
        style=[
            ("FONT", (0, 0), (-1, -2), "Helvetica", 9.5),
            ("FONT", (0, -1), (-1, -1), "Helvetica-Bold", 11),
            ("TEXTCOLOR", (0, 0), (-1, -1), frame.INK),
            ("ALIGN", (1, 0), (1, -1), "RIGHT"),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
            ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 0.8 * mm),
            ("TOPPADDING", (0, -1), (-1, -1), 2 * mm),
            ("LINEABOVE", (0, -1), (-1, -1), 0.9, frame.ACCENT),
        ],
    )
    table.hAlign = "RIGHT"
    return table


def _closing(document: Body, figures: Figures) -> list[str]:
    """Why there is no VAT, when to pay, and the client's last words."""
    language = figures.language
    note = document["text_tax"] or language.vat_notes.get(document["vat_option"] or "", "")
    texts = [note]
    if document["type"] == "INVOICE" and document["due_date"]:
        day = figures.day(document["due_date"])
        texts.append(language.words["payment"].format(date=day, number=document["number"]))
    if not document["type"].startswith("STORNO"):
        texts.append(_filled(document["text"], document, figures))
    shown = [markup(text) for text in texts if text]
    return [f"{text}<br/><br/>" for text in shown[:-1]] + shown[-1:]


def _filled(text: str | None, document: Body, figures: Figures) -> str:
    """The text with EasyBill's placeholders replaced; an unknown one is left to be seen."""
    values = {
        "%DOKUMENT.DATUM-FAELLIG%": figures.day(document["due_date"]) if document["due_date"] else "",
        "%DOKUMENT.DATUM%": figures.day(document["document_date"]),
        "%DOKUMENT.NUMMER%": document["number"] or "",
        "%FIRMA.FIRMA%": SELLER.name,
        "%KUNDE.ANREDE%": "Dear customer"
        if figures.language.template == "EN"
        else "Sehr geehrte Damen und Herren",
    }
    filled = text or ""
    for placeholder, value in values.items():
        filled = filled.replace(placeholder, value)
    return filled
