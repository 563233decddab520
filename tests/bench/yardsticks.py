"""What the bars are measured against, in the same run: raw COPY, DuckDB, a bare Flask."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb
import psycopg
from flask import Flask

from portal.ledger.entries import Entry
from tests.bench.model import Model, product_of, project_of, quantity_sql


def bare_flask() -> Flask:
    """The least that Flask can do."""
    app = Flask("bare")
    app.add_url_rule("/", "hello", lambda: "Hello")
    return app


class RawCopy:
    """Binary COPY of hours into a twin of usage_hour with its key and checks, but no upsert and no days."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url.replace("postgresql+psycopg", "postgresql"))
        self._connection.execute("CREATE TABLE raw_hour (LIKE usage_hour INCLUDING ALL)")
        self._connection.commit()

    def write(self, entries: Iterable[tuple[int, Entry]]) -> None:
        into = "COPY raw_hour (organization_id, hour, subscription_id, revision, quantity) FROM STDIN BINARY"
        with self._connection.cursor().copy(into) as copy:
            copy.set_types(["int4", "int4", "int4", "int4", "int8"])
            for owner, entry in entries:
                copy.write_row((owner, entry.hour, entry.subscription_id, 0, entry.quantity_nano))
        self._connection.commit()

    def close(self) -> None:
        self._connection.execute("DROP TABLE raw_hour")
        self._connection.commit()
        self._connection.close()


class Duck:
    """The same hours in DuckDB, sorted by organization; one thread, as our process has."""

    def __init__(self, path: str, model: Model) -> None:
        self.base = duckdb.connect(path)
        self.base.execute("CREATE TABLE subscription (organization_id INT, id INT, project INT, product INT)")
        rows = [
            (owner, number, project_of(number), product_of(number))
            for owner, size in enumerate(model.sizes, 1)
            for number in range(1, size + 1)
        ]
        columns = [list(column) for column in zip(*rows, strict=True)]
        self.base.execute(
            "INSERT INTO subscription SELECT unnest($1), unnest($2), unnest($3), unnest($4)", columns
        )
        self.base.execute(
            "CREATE TABLE usage_hour AS SELECT s.organization_id, h.hour::INT AS hour, s.id AS"
            f" subscription_id, {quantity_sql('h.hour')} AS quantity FROM subscription AS s"
            f" CROSS JOIN range({model.hours.start}, {model.hours.stop}) AS h(hour)"
            " ORDER BY s.organization_id, h.hour, s.id"
        )
        self.base.execute("SET threads = 1")

    def month_of(self, owner: int) -> list[tuple[int, ...]]:
        """Sum an organization's month by project and product."""
        return self.base.execute(
            "SELECT s.project, s.product, sum(u.quantity) FROM usage_hour AS u JOIN subscription AS s"
            " ON s.organization_id = u.organization_id AND s.id = u.subscription_id"
            " WHERE u.organization_id = ? GROUP BY s.project, s.product",
            [owner],
        ).fetchall()

    def all_months(self) -> list[tuple[int, ...]]:
        """Sum everybody's month by organization, project and product."""
        return self.base.execute(
            "SELECT u.organization_id, s.project, s.product, sum(u.quantity) FROM usage_hour AS u"
            " JOIN subscription AS s"
            " ON s.organization_id = u.organization_id AND s.id = u.subscription_id"
            " GROUP BY u.organization_id, s.project, s.product"
        ).fetchall()


@contextmanager
def duck(path: str, model: Model) -> Iterator[Duck]:
    opened = Duck(path, model)
    try:
        yield opened
    finally:
        opened.base.close()
