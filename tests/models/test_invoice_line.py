"""One shape of an invoice line: the table, the frozen value and the rows made of it say the same."""

from dataclasses import FrozenInstanceError, fields
from decimal import Decimal
from typing import get_type_hints
from uuid import UUID, uuid4

import pytest

from portal.domain.money import Money
from portal.domain.period import Month
from portal.models import (
    LINE_COLUMNS,
    InvoiceHead,
    InvoiceItem,
    InvoiceLine,
    ItemKind,
    ProductName,
    ProjectName,
    invoice_uid,
    item_uid,
)

ACME = uuid4()
FEBRUARY, JANUARY = Month(2026, 2), Month(2026, 1)
HEAD = InvoiceHead(ACME, invoice_uid(ACME, "2026-02"), FEBRUARY, "EUR")
KEYS = {"organization_id", "id", "invoice_id"}
PRODUCTION = ProjectName(7, uuid4(), "production")
VM = ProductName(3, uuid4(), "vm.medium", "hour")


def line(project: ProjectName | None = PRODUCTION, corrects: Month | None = None) -> InvoiceLine:
    return InvoiceLine.composed(
        HEAD, project, VM, corrects=corrects, unit_price=Decimal("0.5"), quantity_nano=10**9, total_cents=50
    )


def test_the_fields_of_an_invoice_line_are_the_columns_of_its_table_but_for_the_keys():
    assert set(LINE_COLUMNS) == set(InvoiceItem.__table__.c.keys()) - KEYS


def test_a_field_of_an_invoice_line_has_the_type_and_the_optionality_of_its_column():
    hints = get_type_hints(InvoiceLine)
    for name in LINE_COLUMNS:
        column = InvoiceItem.__table__.c[name]
        python = column.type.python_type if name != "unit_price" else Decimal
        python = int if name == "quantity_nano" else python
        assert hints[name] == (python | None if column.nullable else python), name


def test_an_invoice_line_survives_its_row_in_the_table():
    for original in (line(), line(project=None), line(corrects=JANUARY)):
        item = InvoiceItem(**original.row)
        assert InvoiceLine.from_row(HEAD, item) == original


def test_an_invoice_line_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        line().total_cents = 1


def test_an_invoice_line_has_its_amount_in_the_currency_of_its_invoice():
    assert line().total == Money(50, "EUR")


def test_a_usage_line_leads_to_the_hours_of_its_own_month():
    assert line().usage_query == {
        "month": "2026-02",
        "granularity": "hour",
        "project_id": str(PRODUCTION.uid),
        "product_id": str(VM.uid),
        "unit_price": "0.5",
        "billed_by": str(HEAD.uid),
    }


def test_a_correction_leads_to_the_hours_of_the_month_that_it_corrects():
    assert line(corrects=JANUARY).usage_query["month"] == "2026-01"


def test_a_line_without_a_project_leads_to_the_usage_of_the_organization_itself():
    assert line(project=None).usage_query["project_id"] == "none"


def test_a_correction_names_the_line_that_it_corrects():
    january = invoice_uid(ACME, "2026-01")
    correction = line(corrects=JANUARY)
    assert correction.corrected_uid == item_uid(january, PRODUCTION.uid, VM.uid, Decimal("0.5"))
    assert (correction.kind, correction.corrects) == (ItemKind.CORRECTION, JANUARY)


def test_a_usage_line_names_no_corrected_line():
    assert (line().kind, line().corrects, line().corrected_uid) == (ItemKind.USAGE, None, None)


def test_a_correction_and_the_usage_line_of_one_invoice_have_different_ids():
    assert isinstance(line().uid, UUID)
    assert line().uid != line(corrects=JANUARY).uid


def test_the_first_field_of_an_invoice_line_is_its_invoice():
    assert [field.name for field in fields(InvoiceLine)] == ["invoice", *LINE_COLUMNS]
