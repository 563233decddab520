"""The billing profile: shown to whoever reads billing, changed by whoever may."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, flash, jsonify, redirect, url_for
from werkzeug.wrappers import Response

from portal.access.auth import organization, policy
from portal.domain.errors import ValidationError
from portal.profile import actions, forms, schema
from portal.profile.page import ProfilePage, profile_of
from portal.web.renders import renders

bp = Blueprint("profile", __name__, url_prefix="/organizations/<uuid:organization_id>/profile")


@bp.get("")
@policy("billing:read")
@renders("profile/index.html", json=schema.profile)
def index(**_: UUID) -> ProfilePage:
    return profile_of(organization())


@bp.post("")
@policy("billing:update", confirmed=True)
@renders("profile/index.html")
def change(organization_id: UUID) -> ProfilePage | Response:
    form = forms.ProfileForm()
    form.refuse_others()
    try:
        actions.change(organization(), form.profile(), seen_version=form.version_shown())
    except ValidationError as error:
        form.reject(error.fields)
        return profile_of(organization(), form)
    flash("The billing profile is saved. Legal invoices say it from the next one on.")
    return redirect(url_for(".index", organization_id=organization_id), HTTPStatus.SEE_OTHER)


@bp.put("")
@policy("billing:update", confirmed=True)
def replace(**_: UUID) -> Response:
    profile, seen_version = forms.profile_of_body()
    actions.change(organization(), profile, seen_version=seen_version)
    return jsonify(schema.profile(profile_of(organization())))
