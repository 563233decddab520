"""Whether the caller may do this, and for which organization: decided once, at the edge.

Every endpoint declares a policy; a view without a policy stops the start-up. An organization
of others and an organization that does not exist are the same 404.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TypeVar, cast
from uuid import UUID

from flask import Flask, Response, current_app, g, request, session
from flask_login import current_user

from portal.access import idempotency, identity, sessions, tenancy
from portal.access.forgeries import refuse_forgeries
from portal.access.identity import memberships_of_account
from portal.domain.errors import (
    ConfirmationNeededError,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
    ValidationError,
)
from portal.models import Membership, Organization
from portal.web import args
from portal.web.clock import now
from portal.web.errors import sign_in_first
from portal.web.renders import wants_json
from portal.web.transaction import SAFE_METHODS, end_identification

PUBLIC = "public"
SIGNED_IN = "signed in"
MEMBER = "member"
WEBHOOK = "webhook"
COLLECTOR = "collector"
MONITOR = "monitor"  # as of WEBHOOK, the view itself knows whom it believes

View = TypeVar("View", bound=Callable[..., object])


class NoMembershipError(ForbiddenError):
    """Your account belongs to no organization yet. Ask an admin of yours to add you."""


class ReadOnlyTokenError(ForbiddenError):
    """A token that can only read was used to change something."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A view's requirement of its callers: a permission such as `billing:read`, or a word above.

    `is_confirmed` views need a person to have typed the password within the last few minutes. The answer of
    an `is_secret` view is not stored, so that no `Idempotency-Key` repeats it.
    """

    requirement: str
    _: KW_ONLY
    is_confirmed: bool = False
    is_secret: bool = False
    body_max_bytes: int | None = None

    def __call__(self, view: View) -> View:
        """Declare this of a view."""
        vars(view)["policy"] = self
        return view


def policy_of(app: Flask, endpoint: str) -> str | None:
    """Return the requirement of an endpoint, as its view declares it."""
    declared = declared_policy(app, endpoint)
    return None if declared is None else declared.requirement


def declared_policy(app: Flask, endpoint: str) -> Policy | None:
    """Return everything that the view of an endpoint declares."""
    if endpoint == "static":
        return Policy(PUBLIC)  # Flask's own files
    return getattr(app.view_functions[endpoint], "policy", None)


def body_limits(app: Flask) -> dict[tuple[str, str], int]:
    """Return how many bytes a body may have where that is not what it is everywhere, by method and path."""
    return {
        (method, rule.rule): declared.body_max_bytes
        for rule in app.url_map.iter_rules()
        if (declared := declared_policy(app, rule.endpoint)) and declared.body_max_bytes is not None
        for method in rule.methods or ()
    }


def init_app(app: Flask) -> None:
    identity.init_app(app)
    app.before_request(_check)
    app.context_processor(
        lambda: {"who": g.get("membership"), "memberships": memberships_of_account, "may": may}
    )


def refuse_views_without_policy(app: Flask) -> None:
    """Stop the start-up when a view declares no policy."""
    silent = [endpoint for endpoint in app.view_functions if policy_of(app, endpoint) is None]
    if silent:
        raise RuntimeError(f"no policy is declared for {', '.join(sorted(silent))}")


def organization() -> Organization:
    """Return the organization that this request is about; the caller meets the policy there."""
    return membership().organization


def membership() -> Membership:
    return cast("Membership", g.membership)


def may(permission: str) -> bool:
    """Tell whether the caller has a permission in this organization, so that a page offers no more."""
    member: Membership | None = g.get("membership")
    return member is not None and member.allows(permission)


def _check() -> Response | None:
    if request.endpoint is None:
        return None
    declared = declared_policy(current_app, request.endpoint)
    assert declared is not None, "start-up refuses views without a policy"
    if declared.body_max_bytes is not None:
        request.max_content_length = declared.body_max_bytes
    scope = None
    if declared.requirement == COLLECTOR:
        scope = f"collector {identity.admit_collector().id}"
    elif declared.requirement == PUBLIC:
        refuse_forgeries()
    elif declared.requirement not in {WEBHOOK, MONITOR}:
        if not current_user.is_authenticated:
            return sign_in_first(str(UnauthorizedError()))
        scope = _admit(declared)
    end_identification()
    return None if declared.is_secret else idempotency.earlier_answer(scope)


def _admit(declared: Policy) -> str:
    """Admit a person or a program, or refuse; return the scope of their idempotency keys."""
    token = identity.api_token()
    if token is None:  # a browser; only a token that really authenticated is excused
        refuse_forgeries()
    if declared.requirement == SIGNED_IN:
        if token is not None:  # it acts in one organization, not for the person as a whole
            raise ForbiddenError
        _note(_current_membership())
    else:
        _enter(declared.requirement)
    if token is not None:
        if token.is_read_only and request.method not in SAFE_METHODS:
            raise ReadOnlyTokenError
        return f"token {token.organization_id} {token.id}"
    user_session = identity.user_session()
    assert user_session is not None, "a caller without a token has a session"
    if declared.is_confirmed and not sessions.is_confirmed(user_session, now=now()):
        raise ConfirmationNeededError
    here = g.membership.organization_id if g.membership else "none"
    return f"session {user_session.id_sha256} {here}"


def _enter(requirement: str) -> None:
    """Enter the organization that the request names, and check the permission there."""
    _note(_membership_meant())
    if "Authorization" not in request.headers and session.get("organization") != g.organization_uid:
        session["organization"] = g.organization_uid
    if requirement != MEMBER and not g.membership.allows(requirement):
        raise ForbiddenError
    tenancy.enter(g.membership.organization_id)


def _note(membership: Membership | None) -> None:
    g.membership = membership
    g.organization_uid = membership and str(membership.organization.uid)


def _membership_meant() -> Membership:
    memberships = memberships_of_account()
    uid = _organization_named()
    if uid is not None:
        named = next((member for member in memberships if member.organization.uid == uid), None)
        if named is None:
            raise NotFoundError
        return named
    if not memberships:
        # The organization of a token is always meant; its owner may have been removed from it.
        raise NoMembershipError if identity.api_token() is None else NotFoundError
    if len(memberships) == 1:
        return memberships[0]
    if wants_json():
        raise ValidationError({"organization_id": ["is needed: you belong to several organizations"]})
    return _current_membership() or memberships[0]


def _current_membership() -> Membership | None:
    """Return the membership that this browser used last, else the caller's first, if there is one."""
    memberships = memberships_of_account()
    current = session.get("organization")
    first = next(iter(memberships), None)
    return next((member for member in memberships if str(member.organization.uid) == current), first)


def _organization_named() -> UUID | None:
    if request.view_args and "organization_id" in request.view_args:
        return cast("UUID", request.view_args["organization_id"])
    return args.uid("organization_id")
