"""Who is asking, for which organization, and whether they may: decided once, at the edge.

Every endpoint declares a policy; one without it stops the start-up. Somebody else's organization and
one that does not exist are the same 404.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import Flask, current_app, g, request, session
from flask_login import current_user
from sqlalchemy import Update, bindparam, select, update
from sqlalchemy.orm import contains_eager

from portal.domain import tokens
from portal.domain.errors import ForbiddenError, NotFoundError, UnauthorizedError, ValidationError
from portal.extensions import csrf, db, login, set_reading
from portal.models import Account, ApiToken, Collector, Membership, Organization
from portal.web.clock import now
from portal.web.errors import sign_in_first
from portal.web.renders import wants_json
from portal.web.sessions import TokenAwareSessions
from portal.web.transaction import SAFE_METHODS, who_asked_is_known

PUBLIC = "public"
SIGNED_IN = "signed in"
WEBHOOK = "webhook"
COLLECTOR = "collector"
_LAST_USED_EVERY = dt.timedelta(minutes=1)

# Made once: every request asks these.
_TOKEN = select(ApiToken).where(ApiToken.token_sha256 == bindparam("sha256"))
_MEMBERSHIPS = (
    select(Membership)
    .join(Organization, Organization.id == Membership.organization_id)
    .where(Membership.account_id == bindparam("account"))
    .options(contains_eager(Membership.organization))
    .order_by(Organization.name)
)

View = TypeVar("View", bound=Callable[..., Any])


class NoMembershipError(ForbiddenError):
    """Your account belongs to no organization yet. Ask an admin of yours to add you."""


def policy(wanted: str) -> Callable[[View], View]:
    """Declare who may call a view: a permission such as `billing:read`, or a word above."""

    def mark(view: View) -> View:
        view.policy = wanted  # type: ignore[attr-defined]
        return view

    return mark


def policy_of(app: Flask, endpoint: str) -> str | None:
    """Return the declared policy of an endpoint; Flask's own static files are public."""
    if endpoint == "static":
        return PUBLIC
    return getattr(app.view_functions[endpoint], "policy", None)


def init_app(app: Flask) -> None:
    app.session_interface = TokenAwareSessions()
    login.init_app(app)
    login.user_loader(_account_of_session)
    app.before_request(_recognise_token)
    app.before_request(_check)
    app.context_processor(
        lambda: {"who": g.get("membership"), "memberships": memberships_of_account, "may": may}
    )


def refuse_views_without_policy(app: Flask) -> None:
    """Stop the start-up when a view says nothing about who may call it."""
    silent = [endpoint for endpoint in app.view_functions if policy_of(app, endpoint) is None]
    if silent:
        raise RuntimeError(f"no policy is declared for {', '.join(sorted(silent))}")


def account() -> Account:
    """Return who is asking."""
    return cast("Account", current_user._get_current_object())  # noqa: SLF001


def organization() -> Organization:
    """Return the organization that this request is about; the caller may do there what the policy says."""
    return membership().organization


def membership() -> Membership:
    return cast("Membership", g.membership)


def may(wanted: str) -> bool:
    """Tell whether the caller may do something in this organization, for what a page offers."""
    known: Membership | None = g.get("membership")
    return known is not None and known.allows(wanted)


def memberships_of_account() -> Sequence[Membership]:
    """Return where the caller belongs, by name."""
    if not current_user.is_authenticated:
        return ()
    if "memberships" not in g:
        g.memberships = db.session.scalars(_MEMBERSHIPS, {"account": account().id}).all()
    return cast("Sequence[Membership]", g.memberships)


def _check() -> Any:
    if request.endpoint is None:
        return None
    wanted = policy_of(current_app, request.endpoint)
    assert wanted is not None, "start-up refuses views without a policy"
    if wanted == COLLECTOR:
        _admit_collector()
    elif wanted not in {PUBLIC, WEBHOOK}:
        if not current_user.is_authenticated:
            return sign_in_first(str(UnauthorizedError()))
        if "api_token" not in g:
            _refuse_forgeries()
        if wanted == SIGNED_IN:
            g.membership = _current_membership()
        else:
            _enter(wanted)
    elif wanted == PUBLIC:
        _refuse_forgeries()
    who_asked_is_known()
    return None


def _refuse_forgeries() -> None:
    """Ask a browser for its CSRF token; only a token that really authenticated is excused."""
    if request.method not in SAFE_METHODS:
        csrf.protect()


def _enter(wanted: str) -> None:
    """Find the organization that is meant, and check the permission there."""
    g.membership = _membership_meant()
    if "Authorization" not in request.headers:
        uid = str(g.membership.organization.uid)
        if session.get("organization") != uid:
            session["organization"] = uid
    if not g.membership.allows(wanted):
        raise ForbiddenError


def _membership_meant() -> Membership:
    known = memberships_of_account()
    token: ApiToken | None = g.get("api_token")
    if token is not None:
        known = [each for each in known if each.organization_id == token.organization_id]
    if not known:
        raise NoMembershipError
    meant = _organization_named()
    if meant is not None:
        found = next((each for each in known if each.organization.uid == meant), None)
        if found is None:
            raise NotFoundError
        return found
    if len(known) == 1:
        return known[0]
    if wants_json():
        raise ValidationError({"organization_id": ["is needed: you belong to several organizations"]})
    return _current_membership() or known[0]


def _current_membership() -> Membership | None:
    """Return where this browser was last, or where the caller belongs first, if anywhere."""
    known = memberships_of_account()
    current = session.get("organization")
    return next((each for each in known if str(each.organization.uid) == current), next(iter(known), None))


def _organization_named() -> UUID | None:
    if request.view_args and "organization_id" in request.view_args:
        return cast("UUID", request.view_args["organization_id"])
    text = request.args.get("organization_id")
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise ValidationError({"organization_id": ["is not a UUID"]}) from error


def _account_of_session(account_id: str) -> Account | None:
    return db.session.get(Account, int(account_id))


def _admit_collector() -> None:
    """Let in a collector by its token; a member's token does not do."""
    text = _bearer_token()
    if current_user.is_authenticated:
        raise ForbiddenError("Usage is reported by collectors, with a token of theirs.")
    query = select(Collector).where(
        Collector.token_sha256 == tokens.fingerprint(text), Collector.revoked_at.is_(None)
    )
    collector = db.session.scalar(query) if tokens.is_well_formed(text) else None
    if collector is None:
        raise UnauthorizedError
    if _is_worth_noting(collector.last_used_at):
        _note_use(update(Collector).where(Collector.id == collector.id).values(last_used_at=now()))


def _bearer_token() -> str:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


def _recognise_token() -> None:
    """With an Authorization header its token alone says who asks: Flask-Login would try cookies first."""
    if "Authorization" in request.headers:
        login._update_request_context_with_user(_account_of_token())  # noqa: SLF001


def _account_of_token() -> Account | None:
    text = _bearer_token()
    if not tokens.is_well_formed(text):
        return None
    token = db.session.scalar(_TOKEN, {"sha256": tokens.fingerprint(text)})
    if token is None or token.revoked_at or (token.expires_at and token.expires_at <= now()):
        return None
    g.api_token = token
    owner = db.session.get(Account, token.account_id)
    if _is_worth_noting(token.last_used_at):
        one = update(ApiToken).where(
            ApiToken.organization_id == token.organization_id, ApiToken.id == token.id
        )
        _note_use(one.values(last_used_at=now()))
    return owner


def _is_worth_noting(last_used_at: dt.datetime | None) -> bool:
    """Remember when a token was last used once a minute at most."""
    return last_used_at is None or now() - last_used_at >= _LAST_USED_EVERY


def _note_use(statement: Update) -> None:
    """Write in a short transaction of its own."""
    db.session.commit()
    set_reading(is_reading=False)
    db.session.execute(statement.execution_options(synchronize_session=False))
    db.session.commit()
    set_reading(is_reading=True)
