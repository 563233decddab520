"""The audit trail, for the organization's admins and billing managers."""

from uuid import UUID

from flask import Blueprint

from portal.access.auth import Policy, organization
from portal.audit_trail import queries, schema
from portal.audit_trail.differences import differences, subject_name
from portal.audit_trail.queries import AuditTrail
from portal.web.lists import requested_slice
from portal.web.operations import Operation
from portal.web.renders import renders

bp = Blueprint("audit_trail", __name__, url_prefix="/organizations/<uuid:organization_id>/audit")
bp.add_app_template_filter(differences)
bp.add_app_template_filter(subject_name)


@bp.get("")
@Policy("billing:update")
@Operation("list_audit_entries")
@renders("audit_trail/index.html", json=schema.audit_trail, fragments={"audit_trail"})
def index(**_: UUID) -> AuditTrail:
    return queries.trail_of(organization(), requested_slice(int))
