"""The names of projects, for all that shows lines; those of products come with their prices."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, select

from portal.models import Project, ProjectName
from portal.storage import db

Projects = Mapping[tuple[int, int], ProjectName]  # (organization id, project id) -> name

_projects = Project.__table__.c
_PROJECTS = select(_projects.organization_id, _projects.id, _projects.uid, _projects.name).where(
    _projects.organization_id.in_(bindparam("organization_ids", expanding=True))
)


def project_names(organization_ids: Collection[int]) -> Projects:
    """Return {(organization id, project id): name} of all projects of these organizations."""
    rows = db.session.execute(_PROJECTS, {"organization_ids": list(organization_ids)})
    return {(organization_id, row[0]): ProjectName(*row) for organization_id, *row in rows}
