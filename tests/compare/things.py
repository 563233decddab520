"""What the database of the walk has: the public names by which the walk asks for things."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

Names = Mapping[str, Sequence[str]]  # of a parameter of an address: its values
_UID_LENGTH = 32
_TABLES = {
    "invoice_id": "invoice",
    "subscription_id": "subscription",
    "payment_method_id": "payment_method",
    "token_id": "api_token",
    "project_id": "project",
}
_PRODUCTS = """SELECT DISTINCT p.uid FROM product p JOIN subscription s ON s.product_id = p.id
    WHERE s.organization_id = ?"""
_DOCUMENTS = "SELECT easybill_id FROM legal_document WHERE organization_id = ? ORDER BY id"
_LINES = """SELECT DISTINCT i.unit_price, v.uid FROM invoice_item i JOIN invoice v
    ON v.organization_id = i.organization_id AND v.id = i.invoice_id WHERE i.organization_id = ?"""


class Things:
    """The public names of what an organization has, read from the database file that the old code made."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        rows = self._rows("SELECT id, uid, emails FROM organization ORDER BY id")
        self.organizations = {
            json.loads(emails)[0].split("@")[1]: (key, _uid(uid)) for key, uid, emails in rows
        }

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(query, values).fetchall()

    def of(self, domain: str) -> dict[str, list[str]]:
        """Return everything that the customer of a mail domain has."""
        key, uid = self.organizations[domain]
        by_table = "SELECT uid FROM {} WHERE organization_id = ? ORDER BY id"
        names = {name: self._uids(by_table.format(table), key) for name, table in _TABLES.items()}
        documents = [row[0] for row in self._rows(_DOCUMENTS, key)]
        products = self._uids(_PRODUCTS, key)
        return {"organization_id": [uid], **names, "product_id": products, "document_id": documents}

    def first_of(self, domain: str) -> dict[str, list[str]]:
        """Return one of each that the customer has."""
        return {name: values[:1] for name, values in self.of(domain).items()}

    def _uids(self, query: str, key: int) -> list[str]:
        return [_uid(row[0]) for row in self._rows(query, key)]

    def lines_with_prices(self, domain: str) -> list[tuple[str, str]]:
        """Return of each line of an invoice: (unit price, the invoice)."""
        rows = self._rows(_LINES, self.organizations[domain][0])
        return [(f"{price / 10**12:.12f}".rstrip("0").rstrip("."), _uid(uid)) for price, uid in rows]

    def known_names(self) -> list[str]:
        """Return every public name and hash in the database: others were made during the walk."""
        names = [
            str(row[0])
            for table, column in self._naming_columns()
            for row in self._rows(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
        ]
        return [_uid(name) if len(name) == _UID_LENGTH else name for name in names]

    def _naming_columns(self) -> Iterator[tuple[str, str]]:
        for (table,) in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
            columns = [row[1] for row in self._rows(f"PRAGMA table_info({table})")]
            yield from ((table, column) for column in columns if column.endswith(("uid", "sha256")))


def _uid(stored: str) -> str:
    return str(UUID(stored))
