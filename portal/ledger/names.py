"""Names of an organization's projects and products, for whoever shows lines."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select

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


_projects, _products = Project.__table__.c, Product.__table__.c
_PROJECTS = select(_projects.organization_id, _projects.id, _projects.uid, _projects.name).where(
    _projects.organization_id.in_(bindparam("owners", expanding=True))
)
_PRODUCTS = select(_products.id, _products.uid, _products.name, _products.unit).where(
    _products.id.in_(bindparam("products", expanding=True))
)


def project_names(organization_ids: Collection[int]) -> Mapping[tuple[int, int], ProjectName]:
    """Return {(organization id, project id): name} of all projects of these organizations."""
    found = db.session.execute(_PROJECTS, {"owners": list(organization_ids)})
    return {(owner, each): ProjectName(uid, name) for owner, each, uid, name in found}


def product_names(product_ids: Collection[int]) -> Mapping[int, ProductName]:
    """Return {product id: name} of these products."""
    found = db.session.execute(_PRODUCTS, {"products": list(product_ids)})
    return {each: ProductName(uid, name, unit) for each, uid, name, unit in found}
