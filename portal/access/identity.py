"""Identity of the caller: a person by session or API token, a collector by its own token.

Each is found in one statement, together with where the person belongs.
"""

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, cast

from flask import Flask, Request, Response, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_login import current_user
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from sqlalchemy import ColumnElement, Select, and_, bindparam, select, update
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, object_mapper

from portal.access import sessions, throttle
from portal.access.throttle import Limit
from portal.domain import tokens
from portal.domain.errors import ForbiddenError, RateLimitedError, UnauthorizedError
from portal.extensions import login
from portal.ledger import audit
from portal.ledger.audit import Actor
from portal.models import Account, ApiToken, Collector, Membership, Organization, UserSession
from portal.storage import db, write_transaction
from portal.web.clock import now

_NOTED_EVERY = dt.timedelta(minutes=1)
_UNKNOWN_TOKENS_AN_HOUR = 300


def _with_memberships(
    who: type[Any], fingerprint: InstrumentedAttribute[str], *more: ColumnElement[bool]
) -> Select[Any]:
    """Select a session or a token by its hash, with its account and the account's memberships, by name."""
    return (
        select(who, Account, Membership)
        .join(Account, Account.id == who.account_id)
        .outerjoin(Membership, and_(Membership.account_id == Account.id, *more))
        .outerjoin(Organization, Organization.id == Membership.organization_id)
        .options(contains_eager(Membership.organization))
        .where(fingerprint == bindparam("fingerprint"))
        .order_by(Organization.name)
    )


# Made once: every request asks one of these.
_SESSION = _with_memberships(UserSession, UserSession.id_sha256)
_TOKEN = _with_memberships(
    ApiToken, ApiToken.token_sha256, Membership.organization_id == ApiToken.organization_id
)
_EXPIRES = re.compile(r"Expires=[^;]+")


class _AgelessSigner(TimestampSigner):
    """Refuses no cookie for its age by the clock of this host: the row behind it has its age by ours."""

    def unsign(  # type: ignore[override]
        self, signed_value: str | bytes, max_age: int | None = None, **more: Any
    ) -> Any:
        del max_age
        return super().unsign(signed_value, **more)


class TokenAwareSessions(SecureCookieSessionInterface):
    """The signed cookie of a browser: the id of a session, the CSRF secret, the organization last looked at.

    It is neither read nor set beside an Authorization header: one request has one identity.
    """

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Sign so that a host whose clock is wrong signs nobody out."""
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = _AgelessSigner
        return serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if "Authorization" in request.headers:
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if "Authorization" not in request.headers:
            super().save_session(app, session, response)
            if session and session.permanent:
                _let_the_browser_count(app, response)


def _let_the_browser_count(app: Flask, response: Response) -> None:
    """Say in how many seconds a cookie ends, not when: the browser's clock is neither the host's nor ours."""
    age = f"Max-Age={app.permanent_session_lifetime // dt.timedelta(seconds=1)}"
    cookies = [_EXPIRES.sub(age, cookie) for cookie in response.headers.getlist("Set-Cookie")]
    response.headers.setlist("Set-Cookie", cookies)


def init_app(app: Flask) -> None:
    app.session_interface = TokenAwareSessions()
    login.session_protection = None  # ours is the row behind the cookie
    login.init_app(app)
    login.user_loader(_account_of_session)
    app.before_request(_begin)
    app.teardown_request(_end)


def account() -> Account:
    """Return the account of the caller."""
    return cast("Account", current_user._get_current_object())  # noqa: SLF001


def api_token() -> ApiToken | None:
    """Return the token with which this request is made, if it is one of a program."""
    return cast("ApiToken | None", g.get("api_token"))


def user_session() -> UserSession | None:
    """Return the session with which this request is made, if it is one of a browser."""
    return cast("UserSession | None", g.get("user_session"))


def memberships_of_account() -> Sequence[Membership]:
    """Return the caller's memberships, by name; for a token, at most that of its organization."""
    if not current_user.is_authenticated:
        return ()
    return cast("Sequence[Membership]", g.memberships)


def sign_in(account: Account) -> None:
    """Begin a session after a right password; the browser's earlier session is gone."""
    session.clear()
    session.permanent = True
    agent = request.headers.get("User-Agent", "")
    session["_user_id"] = sessions.begin(account, now=now(), address=request.remote_addr or "", agent=agent)


def sign_out() -> None:
    """End the session, here and for every copy of its cookie."""
    row = user_session()
    if row is not None:
        sessions.end(row.id_sha256)
    session.clear()


def confirm() -> None:
    """Go on under a new id, now that the password was typed again: the old one ends."""
    old = user_session()
    if old is not None:
        sessions.end(old.id_sha256)
        session_id = sessions.begin(account(), now=now(), address=old.address, agent=old.agent)
        session["_user_id"] = session_id


def _begin() -> None:
    """With an Authorization header only its token identifies the caller; Flask-Login tries cookies first."""
    audit.act_as(Actor("nobody", request_id=g.request_id), now)
    if "Authorization" in request.headers:
        login._update_request_context_with_user(_account_of_token())  # noqa: SLF001


def _end(error: BaseException | None) -> None:
    del error
    audit.act_as(audit.PORTAL)  # for the next work of this thread


def _account_of_session(session_id: str) -> Account | None:
    key = {"fingerprint": sessions.fingerprint(session_id)}
    rows: Sequence[Any] = db.session.execute(_SESSION, key).all()
    if not rows or not sessions.is_alive(rows[0][0], now=now()):
        return None
    row: UserSession = rows[0][0]
    g.user_session = row
    _note_use(row, "seen_at")
    return _remember_caller(rows)


def _account_of_token() -> Account | None:
    text = bearer_token()
    if not tokens.is_well_formed(text):
        return None
    rows: Sequence[Any] = db.session.execute(_TOKEN, {"fingerprint": tokens.fingerprint(text)}).all()
    if not rows:
        if _collector_of(text) is None:
            _count_unknown_token()
        return None
    token: ApiToken = rows[0][0]
    if token.revoked_at or (token.expires_at and token.expires_at <= now()):
        return None
    g.api_token = token
    _note_use(token, "last_used_at")
    return _remember_caller(rows)


def _remember_caller(rows: Sequence[Any]) -> Account:
    caller: Account = rows[0][1]
    g.memberships = [membership for _, _, membership in rows if membership is not None]
    token = api_token()
    name = f"{caller.login} (token {token.prefix})" if token else caller.login
    audit.act_as(Actor(name, caller.uid, g.request_id), now)
    g.account_uid = str(caller.uid)
    return caller


def admit_collector() -> Collector:
    """Return the collector whose token this is; a member's token does not do."""
    text = bearer_token()
    if current_user.is_authenticated:
        raise ForbiddenError("Usage is reported by collectors, with a token of theirs.")
    collector = _collector_of(text)
    if collector is None:
        raise UnauthorizedError
    audit.act_as(Actor(f"collector {collector.name}", request_id=g.request_id), now)
    _note_use(collector, "last_used_at")
    return collector


def _collector_of(text: str) -> Collector | None:
    """Return the collector whose token this is, looked for once a request."""
    if "collector" not in g:
        query = select(Collector).where(
            Collector.token_sha256 == tokens.fingerprint(text), Collector.revoked_at.is_(None)
        )
        g.collector = db.session.scalar(query) if tokens.is_well_formed(text) else None
    return cast("Collector | None", g.collector)


def bearer_token() -> str:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


def _count_unknown_token() -> None:
    """Well-formed tokens that do not exist are guesses."""
    limit = Limit("unknown token", throttle.network_of(request.remote_addr), _UNKNOWN_TOKENS_AN_HOUR)
    with write_transaction():
        seconds = throttle.take(limit, now=now())
    if seconds:
        raise RateLimitedError(seconds)


def _note_use(row: UserSession | ApiToken | Collector, use: str) -> None:
    """Remember when something was last used, once a minute at most."""
    last: dt.datetime | None = getattr(row, use)
    if last is None or now() - last >= _NOTED_EVERY:
        mapper = object_mapper(row)
        key = zip(mapper.primary_key, mapper.primary_key_from_instance(row), strict=True)
        own = [column == value for column, value in key]
        with write_transaction():
            db.session.execute(update(type(row)).where(*own).values({use: now()}))
