"""The billing profile: shown with `billing:read`, changed with `billing:update`."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from portal.access.auth import Policy, organization
from portal.domain.errors import ValidationError
from portal.profile import actions, forms, schema
from portal.profile.page import ProfilePage
from portal.web.bodies import body_of
from portal.web.operations import Operation
from portal.web.renders import renders

bp = Blueprint("profile", __name__, url_prefix="/organizations/<uuid:organization_id>/profile")


@bp.get("")
@Policy("billing:read")
@Operation("get_profile")
@renders("profile/index.html", json=schema.profile)
def index(**_: UUID) -> ProfilePage:
    return ProfilePage(organization())


@bp.post("")
@Policy("billing:update", is_confirmed=True)
@renders("profile/index.html")
def change(organization_id: UUID) -> ProfilePage | Response:
    form = forms.ProfileForm()
    form.refuse_others()
    try:
        actions.change(organization(), form.profile(), seen_version=form.version_shown())
    except ValidationError as error:
        form.reject(error.fields)
        return ProfilePage(organization(), form)
    flash("The billing profile is saved. Legal invoices say it from the next one on.")
    return redirect(url_for(".index", organization_id=organization_id), HTTPStatus.SEE_OTHER)


@bp.put("")
@Policy("billing:update", is_confirmed=True)
@Operation("replace_profile", body=schema.ProfileToSave)
def replace(**_: UUID) -> schema.Profile:
    body = body_of(schema.ProfileToSave)
    actions.change(organization(), body.profile, seen_version=body.seen_version)
    return schema.profile(ProfilePage(organization()))
