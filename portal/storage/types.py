"""Column types that keep on both databases exactly what was written: instants, prices, wide numbers."""

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Numeric, String, TypeDecorator

from portal.domain.rating import pico_of, price_of


class UtcInstant(TypeDecorator[dt.datetime]):
    """An aware instant. SQLite keeps no zone, so it goes in as UTC and comes out as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        assert value.tzinfo is not None, "an instant has a zone"
        utc = value.astimezone(dt.UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if dialect.name == "sqlite" else value.astimezone(dt.UTC)


class Price(TypeDecorator[Decimal]):
    """A price in major units, kept exactly as whole pico-units (Numeric is a float on SQLite)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        del dialect
        return None if value is None else pico_of(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        del dialect
        return None if value is None else price_of(value)


class WideInteger(TypeDecorator[int]):
    """A whole number of up to 38 digits: sums over subscriptions can outgrow 64 bits."""

    impl = Numeric(38, 0)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        wide = String(39) if dialect.name == "sqlite" else Numeric(38, 0)
        return dialect.type_descriptor(wide)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        del dialect
        return None if value is None else int(value)
