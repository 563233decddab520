"""Projects and their subscriptions."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.owned import OrganizationOwned, owned_table, refers_to
from portal.models.product import Product
from portal.storage import Model


class Project(OrganizationOwned, Model):
    """A part of an organization that has its own costs; FOCUS calls it a sub account."""

    __tablename__ = "project"
    __table_args__ = owned_table("project", UniqueConstraint("organization_id", "code"))
    code: Mapped[str]
    name: Mapped[str]


class ProjectName(NamedTuple):
    """A project as lines name it."""

    id: int
    uid: UUID
    name: str


class Subscription(OrganizationOwned, Model):
    """A product used by a project, or by the organization itself, for a half-open span of hours.

    Its project and product never change: past lines are made of them.
    """

    __tablename__ = "subscription"
    __table_args__ = owned_table(
        "subscription",
        refers_to("project", "project_id"),
        CheckConstraint("end_hour IS NULL OR end_hour >= start_hour", name="ends_after_start"),
    )
    project_id: Mapped[int | None] = mapped_column(Integer)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    start_hour: Mapped[int] = mapped_column(Integer)
    end_hour: Mapped[int | None] = mapped_column(Integer)
    # Time-priced products only: entries exist for every hour before this one.
    metered_until_hour: Mapped[int] = mapped_column(Integer)
    product: Mapped[Product] = relationship(viewonly=True)
    project: Mapped[Project | None] = relationship(viewonly=True)
