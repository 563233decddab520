"""The catalogue: products, and the price of each from a UTC midnight on."""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import REFERENCE
from portal.storage import Model
from portal.storage import Price as PriceType


class Metering(StrEnum):
    """Where a product's hourly entries come from."""

    TIME = "time"  # the subscription alone: one unit for each hour
    USAGE = "usage"  # usage that collectors and imports report


class Product(Model):
    """Something sold by the hour or by the unit. `code` is the seller's own key of it.

    A product that an import made is its organization's own, with the texts of that import: nobody else may
    subscribe to it. The products of the catalogue have no owner.
    """

    __tablename__ = "product"
    __table_args__ = ({"info": REFERENCE},)
    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    unit: Mapped[str]
    metering: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"), deferred=True)


class ProductName(NamedTuple):
    """A product as lines name it."""

    id: int
    uid: UUID
    name: str
    unit: str


class Price(Model):
    """The price of a unit of a product from the midnight of a day (in UTC) on, until the next row's."""

    __tablename__ = "price"
    __table_args__ = (CheckConstraint("unit_price >= 0", name="not_negative"), {"info": REFERENCE})
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    start_day: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    unit_price: Mapped[Decimal] = mapped_column(PriceType)
