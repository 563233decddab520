"""Names of projects and products, for whoever shows lines; those of products come with their prices."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select

from portal.models import Project
from portal.storage.database import db


class ProjectName(NamedTuple):
    """A project as lines name it."""

    uid: UUID
    name: str


class ProductName(NamedTuple):
    """A product as lines name it."""

    uid: UUID
    name: str
    unit: str


Projects = Mapping[tuple[int, int], ProjectName]  # (organization id, project id) -> name

_projects = Project.__table__.c
_PROJECTS = select(_projects.organization_id, _projects.id, _projects.uid, _projects.name).where(
    _projects.organization_id.in_(bindparam("owners", expanding=True))
)


def project_names(organization_ids: Collection[int]) -> Projects:
    """Return {(organization id, project id): name} of all projects of these organizations."""
    found = db.session.execute(_PROJECTS, {"owners": list(organization_ids)})
    return {(owner, each): ProjectName(uid, name) for owner, each, uid, name in found}
