"""The person's own page: where they belong and are signed in, their password, how the portal looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response

from portal.access import identity, sessions
from portal.access.auth import SIGNED_IN, Policy
from portal.access.identity import account
from portal.account import actions
from portal.account.browsers import browser
from portal.account.forms import PasswordForm, ThemeForm
from portal.domain.errors import ValidationError
from portal.models import UserSession
from portal.web.clock import now
from portal.web.forms import FormPage, refuse_fields, say
from portal.web.renders import renders

bp = Blueprint("account", __name__, url_prefix="/account")
bp.add_app_template_filter(browser)


@dataclass(frozen=True, slots=True)
class AccountPage(FormPage):
    """Everything that a person can say about themselves; `form` is the appearance, `here` this session."""

    password_form: FlaskForm
    sessions: Sequence[UserSession]
    here: UserSession | None


@bp.route("", methods=["GET", "POST"])
@Policy(SIGNED_IN)
@renders("account/index.html")
def index() -> AccountPage | Response:
    form = ThemeForm(obj=account())
    if not form.validate_on_submit():
        return _page(form, PasswordForm(formdata=None))
    actions.choose_theme(account(), form.theme.data)
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@bp.post("/password")
@Policy(SIGNED_IN, is_secret=True)
@renders("account/index.html")
def password() -> AccountPage | Response:
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            actions.change_password(
                account(), form.current.data, form.new.data, address=request.remote_addr, now=now()
            )
        except ValidationError as error:
            say(form, error)
    if form.errors:
        return _page(ThemeForm(formdata=None, obj=account()), form)
    sessions.end_all(account(), but=identity.user_session())
    flash("Your password is changed. You are signed out everywhere else.")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@bp.post("/sessions/end_others")
@Policy(SIGNED_IN)
def end_others() -> Response:
    refuse_fields()
    sessions.end_all(account(), but=identity.user_session())
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@bp.post("/sessions/<uuid:session_id>/end")
@Policy(SIGNED_IN)
def end(session_id: UUID) -> Response:
    refuse_fields()
    sessions.end_one(account(), session_id)
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _page(form: ThemeForm, password_form: PasswordForm) -> AccountPage:
    own_sessions = sessions.sessions_of(account(), now=now())
    is_refused = bool(password_form.errors)
    return AccountPage(form, password_form, own_sessions, identity.user_session(), is_refused=is_refused)
