"""The directory: organizations, accounts, memberships and collectors, as an operator makes them."""

import datetime as dt
from functools import partial
from uuid import UUID

from sqlalchemy import select

from portal.access import credentials, passwords, sessions
from portal.domain import tokens
from portal.domain.access import PRESETS, Preset
from portal.domain.billing_profile import BillingProfile
from portal.domain.email_address import is_email_address
from portal.domain.errors import ConflictError, NotFoundError, ValidationError
from portal.domain.problems import Problems
from portal.domain.text_line import required_line
from portal.ledger import audit
from portal.models import Account, ApiToken, Collector, Membership, Organization, add_owned
from portal.storage import db

_NUMBER_FIRST = 10_001
_NAME_LENGTH_MAX = 120


def add_organization(profile: BillingProfile, *, currency: str, now: dt.datetime) -> Organization:
    """Make an organization; its customer number is the next free one.

    ValidationError lists all problems of its billing profile and its currency.
    """
    checked = profile.checked(currency=currency)
    last_id = db.session.scalar(select(Organization.id).order_by(Organization.id.desc()).limit(1)) or 0
    organization = Organization(number=str(_NUMBER_FIRST + last_id), currency=currency, created_at=now)
    organization.set_billing_profile(checked)
    db.session.add(organization)
    db.session.flush()
    return organization


def add_account(login: str, name: str, password: str, *, now: dt.datetime) -> Account:
    """Make an account; its login is an e-mail address, whatever its case.

    ValidationError lists all values that cannot be used; ConflictError for a login that has an account.
    """
    login = login.strip().lower()
    problems = Problems()
    if not is_email_address(login):
        problems.add("login", "is no e-mail address")
    tidy_name = problems.attempt("name", partial(required_line, name, _NAME_LENGTH_MAX))
    if reason := passwords.problem_with(password):
        problems.add("password", reason)
    problems.refuse()
    if db.session.scalar(select(Account.id).where(Account.login == login)):
        raise ConflictError(f"There is already an account {login}.")
    account = Account(login=login, name=tidy_name, password_hash=passwords.hashed(password), created_at=now)
    db.session.add(account)
    db.session.flush()
    return account


def add_membership(
    organization: Organization, account: Account, preset: Preset, *, now: dt.datetime
) -> Membership:
    """Let an account into an organization, or change what it may do there, which ends its sessions."""
    role, permissions = PRESETS[preset]
    table = {category: list(actions) for category, actions in permissions.items()}
    current = _membership_of(organization, account)
    after = {"login": account.login, "role": role, "permissions": table}
    if current is None:
        _revoke_old_tokens(organization, account, now)
        membership = Membership(account_id=account.id, role=role, permissions=table)
        add_owned(organization.id, membership)
        audit.record(organization.id, "member.added", str(account.uid), after=after)
        return membership
    before = {"login": account.login, "role": current.role, "permissions": current.permissions}
    if before != after:
        current.role, current.permissions = role, table
        sessions.end_all(account)
        audit.record(organization.id, "member.changed", str(account.uid), before=before, after=after)
    return current


def remove_membership(organization: Organization, account: Account) -> None:
    """Take an account out of an organization: from the next request on, it and its tokens find nothing."""
    membership = _membership_of(organization, account)
    if membership is None:
        raise NotFoundError(f"{account.login} is no member of {organization.name}.")
    before = {"login": account.login, "role": membership.role, "permissions": membership.permissions}
    db.session.delete(membership)
    audit.record(organization.id, "member.removed", str(account.uid), before=before)


def _revoke_old_tokens(organization: Organization, account: Account, now: dt.datetime) -> None:
    """Revoke the tokens of an earlier membership: a new one does not revive them."""
    query = select(ApiToken).where(
        ApiToken.organization_id == organization.id,
        ApiToken.account_id == account.id,
        ApiToken.revoked_at.is_(None),
    )
    for token in db.session.scalars(query).all():
        token.revoked_at = now
        audit.record(organization.id, "token.revoked", token.prefix, before={"name": token.name})


def _membership_of(organization: Organization, account: Account) -> Membership | None:
    query = select(Membership).where(
        Membership.organization_id == organization.id, Membership.account_id == account.id
    )
    return db.session.scalar(query)


def add_collector(name: str, *, now: dt.datetime) -> str:
    """Make a collector and return its token: it reports usage of every organization, and nothing else."""
    problems = Problems()
    tidy_name = problems.attempt("name", partial(required_line, name, _NAME_LENGTH_MAX))
    problems.refuse()
    token = tokens.mint()
    db.session.add(
        Collector(
            name=tidy_name,
            prefix=tokens.shown_prefix(token),
            token_sha256=tokens.fingerprint(token),
            created_at=now,
        )
    )
    db.session.flush()
    return token


def organization_by(key: str) -> Organization:
    """Find an organization by customer number or id, as an operator names it."""
    by = Organization.number == key if key.isdigit() else Organization.uid == _uid(key)
    organization = db.session.scalar(select(Organization).where(by))
    if organization is None:
        raise NotFoundError(f"There is no organization {key}.")
    return organization


def _uid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise ValidationError({"organization": ["is neither a customer number nor a UUID"]}) from error


def account_by(login: str) -> Account:
    """Find an account by its login."""
    account = credentials.account_of(login)
    if account is None:
        raise NotFoundError(f"There is no account {login}.")
    return account
