"""Signing in and out, and the person's own page."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from flask import Blueprint, redirect, request, session, url_for
from flask_login import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response

from portal.account import actions, queries
from portal.account.forms import SignInForm, ThemeForm
from portal.web.auth import PUBLIC, SIGNED_IN, account, policy
from portal.web.forms import FormPage
from portal.web.renders import renders

bp = Blueprint("account", __name__)


@dataclass(frozen=True, slots=True)
class SignInPage(FormPage):
    """The sign-in form; `is_refused` after a wrong password or an unknown address."""

    form: FlaskForm
    is_refused: bool = False

    @property
    def http_status(self) -> HTTPStatus:
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.is_refused or self.form.errors else HTTPStatus.OK


@bp.route("/login", methods=["GET", "POST"])
@policy(PUBLIC)
@renders("account/sign_in.html")
def sign_in() -> SignInPage | Response:
    if current_user.is_authenticated and request.method == "GET":
        return redirect(_safe_next(), HTTPStatus.SEE_OTHER)
    form = SignInForm()
    if not form.validate_on_submit():
        return SignInPage(form)
    known = queries.account_of(form.login.data)
    if not actions.recognise(known, form.password.data):
        return SignInPage(form, is_refused=True)
    session.clear()
    session.permanent = True
    login_user(known)
    return redirect(_safe_next(), HTTPStatus.SEE_OTHER)


@bp.post("/logout")
@policy(SIGNED_IN)
def sign_out() -> Response:
    logout_user()
    session.clear()
    return redirect(url_for("account.sign_in"), HTTPStatus.SEE_OTHER)


@bp.route("/account", methods=["GET", "POST"])
@policy(SIGNED_IN)
@renders("account/index.html")
def index() -> FormPage | Response:
    form = ThemeForm(obj=account())
    if not form.validate_on_submit():
        return FormPage(form)
    actions.choose_theme(account(), form.theme.data)
    return redirect(url_for("account.index"), HTTPStatus.SEE_OTHER)


def _safe_next() -> str:
    """Return where to go after signing in: a path of ours, never another host."""
    wanted = request.args.get("next", "")
    is_path = wanted.startswith("/") and not wanted.startswith("//")
    # Browsers read a backslash as a slash, and drop what cannot be printed.
    is_ours = is_path and "\\" not in wanted and wanted.isprintable()
    return wanted if is_ours else url_for("overview.index")
