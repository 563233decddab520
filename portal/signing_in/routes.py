"""Signing in and out, typing the password again, and getting back in without it."""

from http import HTTPStatus

from flask import Blueprint, flash, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from portal.access import credentials, identity
from portal.access.auth import PUBLIC, SIGNED_IN, Policy
from portal.access.identity import account
from portal.domain.errors import ValidationError
from portal.signing_in import actions
from portal.signing_in.forms import ConfirmForm, ForgotForm, ResetForm, SignInForm
from portal.web.clock import now
from portal.web.forms import FormPage, refuse_fields, say
from portal.web.renders import renders

bp = Blueprint("signing_in", __name__)


@bp.route("/login", methods=["GET", "POST"])
@Policy(PUBLIC)
@renders("signing_in/sign_in.html")
def sign_in() -> FormPage | Response:
    if current_user.is_authenticated and request.method == "GET":
        return redirect(_safe_next(), HTTPStatus.SEE_OTHER)
    form = SignInForm()
    if not form.validate_on_submit():
        return FormPage(form)
    account = credentials.recognise(
        form.login.data, form.password.data, address=request.remote_addr, now=now()
    )
    if account is None:
        return FormPage(form, is_refused=True)
    identity.sign_out()
    identity.sign_in(account)
    return redirect(_safe_next(), HTTPStatus.SEE_OTHER)


@bp.post("/logout")
@Policy(SIGNED_IN)
def sign_out() -> Response:
    refuse_fields()
    identity.sign_out()
    return redirect(url_for(".sign_in"), HTTPStatus.SEE_OTHER)


@bp.route("/login/confirm", methods=["GET", "POST"])
@Policy(SIGNED_IN, is_secret=True)
@renders("signing_in/confirm.html")
def confirm() -> FormPage | Response:
    form = ConfirmForm()
    if not form.validate_on_submit():
        return FormPage(form)
    login, password, address = account().login, form.password.data, request.remote_addr
    purpose = credentials.CONFIRM
    if credentials.recognise(login, password, address=address, now=now(), purpose=purpose) is None:
        return FormPage(form, is_refused=True)
    identity.confirm()
    return redirect(_safe_next(), HTTPStatus.SEE_OTHER)


@bp.route("/login/forgot", methods=["GET", "POST"])
@Policy(PUBLIC)
@renders("signing_in/forgot.html")
def forgot() -> FormPage | Response:
    form = ForgotForm()
    if not form.validate_on_submit():
        return FormPage(form)
    actions.request_password_reset(form.login.data, address=request.remote_addr, now=now())
    flash("If we know this address, a mail with a code is on its way.")
    return redirect(url_for(".reset"), HTTPStatus.SEE_OTHER)


@bp.route("/login/reset", methods=["GET", "POST"])
@Policy(PUBLIC)
@renders("signing_in/reset.html")
def reset() -> FormPage | Response:
    form = ResetForm()
    if not form.validate_on_submit():
        return FormPage(form)
    try:
        actions.reset_password(form.code.data, form.password.data, address=request.remote_addr, now=now())
    except ValidationError as error:
        say(form, error)
        return FormPage(form)
    flash("Your new password is set. Sign in with it.")
    return redirect(url_for(".sign_in"), HTTPStatus.SEE_OTHER)


def _safe_next() -> str:
    """Return where to go after signing in: a path of ours, never another host."""
    target = request.args.get("next", "")
    is_path = target.startswith("/") and not target.startswith("//")
    # Browsers read a backslash as a slash, and drop what cannot be printed.
    is_ours = is_path and "\\" not in target and target.isprintable()
    return target if is_ours else url_for("overview.index")
