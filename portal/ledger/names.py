"""Names of an organization's projects and products, for whoever shows lines."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from portal.extensions import db
from portal.models import Product, Project


class ProjectName(NamedTuple):
    """A project as lines name it."""

    uid: UUID
    name: str


class ProductName(NamedTuple):
    """A product as lines name it."""

    uid: UUID
    name: str
    unit: str


def project_names(organization_ids: Collection[int]) -> Mapping[tuple[int, int], ProjectName]:
    """Return {(organization id, project id): name} of all projects of these organizations."""
    query = select(Project.organization_id, Project.id, Project.uid, Project.name).where(
        Project.organization_id.in_(organization_ids)
    )
    return {(owner, each): ProjectName(uid, name) for owner, each, uid, name in db.session.execute(query)}


def product_names(product_ids: Collection[int]) -> Mapping[int, ProductName]:
    """Return {product id: name} of these products."""
    query = select(Product.id, Product.uid, Product.name, Product.unit).where(Product.id.in_(product_ids))
    return {each: ProductName(uid, name, unit) for each, uid, name, unit in db.session.execute(query)}
