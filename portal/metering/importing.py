"""Imports usage from a FOCUS export.

Missing projects and products are made, existing ones reused; the same export twice changes nothing.
"""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portal.ledger import catalogue
from portal.ledger.entries import Entry, Written, write_entries
from portal.metering.focus import TOO_LARGE, Charge, Refused, read_charges
from portal.metering.staging import Cell, Staging, staging
from portal.models import Organization, Product, Project
from portal.storage import db

log = logging.getLogger(__name__)
Report = Callable[[str, str], None]  # a position such as usage.csv:17, and why it was not metered


@dataclass(slots=True)
class Imported:
    """The outcome of an import."""

    rows: int = 0
    metered: int = 0
    rounded: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    written: Written = field(default_factory=Written)


class _Numbers:
    """Small numbers for the projects and products of an export, with the facts of each."""

    def __init__(self) -> None:
        self.projects: dict[str | None, tuple[int, str]] = {}
        self.products: dict[tuple[str, str], tuple[int, Charge]] = {}

    def project(self, charge: Charge) -> int:
        key = charge.project_code
        return self.projects.setdefault(key, (len(self.projects), charge.project_name))[0]

    def product(self, charge: Charge) -> int:
        key = charge.sku_price_id, str(charge.unit_price)
        return self.products.setdefault(key, (len(self.products), charge))[0]


def import_focus(
    organization: Organization, paths: Sequence[Path], report: Report, *, now: dt.datetime
) -> Imported:
    """Read every part of one export, and write its usage in one transaction, committed at the end.

    `report` hears of each row that cannot be metered; NotFocusError leaves everything as it was.
    """
    db.session.commit()  # reading a large file locks nothing
    imported = Imported()
    numbers = _Numbers()
    with staging() as staged:
        for position, row in _rows(organization, paths, now):
            imported.rows += 1
            if isinstance(row, Refused):
                imported.refused[row.reason] += 1
                report(position, row.reason)
                continue
            imported.metered += 1
            imported.rounded += row.was_rounded
            project, product = numbers.project(row), numbers.product(row)
            staged.add(Cell(row.hour, project, product, row.quantity_nano, position))
        for cell in staged.too_large():
            imported.refused[TOO_LARGE] += 1
            report(cell.line, TOO_LARGE)
        imported.written = _write(organization, numbers, staged, now)
        db.session.commit()
    log.info("usage imported", extra={"rows": imported.rows, "metered": imported.metered})
    return imported


def _rows(
    organization: Organization, paths: Sequence[Path], now: dt.datetime
) -> Iterator[tuple[str, Charge | Refused]]:
    for path in paths:
        for line_number, row in read_charges(path, currency=organization.currency, now=now):
            yield f"{path.name}:{line_number}", row


def _write(organization: Organization, numbers: _Numbers, staged: Staging, now: dt.datetime) -> Written:
    projects = {
        number: _project(organization, code, name) for code, (number, name) in numbers.projects.items()
    }
    products = {number: _product(organization, charge) for number, charge in numbers.products.values()}
    subscriptions = {}
    for span in staged.spans():
        project, product = projects[span.project], products[span.product]
        subscription = catalogue.subscription_to(organization, product, project, start_hour=span.first_hour)
        subscriptions[span.project, span.product] = subscription.id
    db.session.flush()

    def entries() -> Iterator[Entry]:
        for cell in staged.cells():
            yield Entry(cell.hour, subscriptions[cell.project, cell.product], cell.quantity_nano)

    return write_entries(organization.id, entries(), now=now)


def _project(organization: Organization, code: str | None, name: str) -> Project | None:
    return None if code is None else catalogue.project_by_code(organization, code, name=name)


def _product(organization: Organization, charge: Charge) -> Product:
    """A product is a SKU price and a list price, so its price never changes: it holds from the first day."""
    code = f"{charge.sku_price_id}@{charge.unit_price}{organization.currency}"
    name, unit = charge.product_name, charge.unit
    product = catalogue.product_of_import(organization, code, name=name, unit=unit)
    catalogue.set_price(product, organization.currency, charge.unit_price, start_day=0)
    return product
