"""API tokens: the list, making one, revoking one."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response

from portal.access import identity
from portal.access.auth import MEMBER, Policy, membership, organization
from portal.domain.errors import ValidationError
from portal.tokens import actions, queries, schema
from portal.tokens.actions import Minted
from portal.tokens.forms import NewToken, TokenForm, token_of_body
from portal.tokens.queries import TokenList
from portal.web.clock import now
from portal.web.forms import refuse_fields, say
from portal.web.lists import requested_slice
from portal.web.operations import Operation
from portal.web.renders import renders, wants_json

bp = Blueprint("tokens", __name__, url_prefix="/organizations/<uuid:organization_id>/tokens")


@dataclass(frozen=True, kw_only=True)
class TokensPage(TokenList):
    """The list beside the form of a new one; `minted` is shown once, right after it was made."""

    form: FlaskForm
    minted: Minted | None = None

    @property
    def http_status(self) -> HTTPStatus:
        if self.minted:
            return HTTPStatus.CREATED
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.form.errors else HTTPStatus.OK


@bp.get("")
@Policy(MEMBER)
@Operation("list_tokens")
@renders("tokens/index.html", json=schema.token_list, fragments={"token_list"})
def index(**_: UUID) -> TokensPage:
    return _page(TokenForm(formdata=None))


@bp.post("")
@Policy(MEMBER, is_confirmed=True, is_secret=True)
@renders("tokens/index.html", json=schema.token_list)
@Operation("make_token", body=schema.TokenToMake, status=HTTPStatus.CREATED)
def make(**_: UUID) -> TokensPage | schema.NewToken:
    if wants_json() or request.mimetype == "application/json":
        return schema.new_token(_make(token_of_body()))
    form = TokenForm()
    if form.validate_on_submit():
        try:
            return _page(TokenForm(formdata=None), _make(form.new_token(now())))
        except ValidationError as error:
            say(form, error)
    return _page(form)


@bp.delete("/<uuid:token_id>")
@Policy(MEMBER, is_confirmed=True)
@Operation("revoke_token")
def delete(token_id: UUID, **_: UUID) -> None:
    refuse_fields()
    actions.revoke(queries.token_of(membership(), token_id), now=now())


@bp.post("/<uuid:token_id>/remove")
@Policy(MEMBER, is_confirmed=True)
def remove(token_id: UUID, **_: UUID) -> Response:
    refuse_fields()
    actions.revoke(queries.token_of(membership(), token_id), now=now())
    flash("The token is revoked: it stopped working just now.")
    return redirect(url_for(".index", organization_id=organization().uid), HTTPStatus.SEE_OTHER)


def _make(token: NewToken) -> Minted:
    return actions.make_token(
        organization(),
        identity.account(),
        token.name,
        now=now(),
        expires_at=token.expires_at,
        is_read_only=token.is_read_only,
        parent=identity.api_token(),
    )


def _page(form: TokenForm, minted: Minted | None = None) -> TokensPage:
    token_list = queries.tokens_of(membership(), requested_slice(int), now=now())
    return TokensPage(form=form, minted=minted, **vars(token_list))
