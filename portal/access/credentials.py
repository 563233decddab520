"""Recognising people by address and password, and giving them a new password."""

import datetime as dt

from sqlalchemy import Select, delete, select

from portal.access import passwords, throttle
from portal.access.throttle import Limit
from portal.domain.errors import ValidationError
from portal.ledger import audit
from portal.models import Account, Membership, PasswordReset
from portal.storage import db, write_transaction

SIGN_IN, CONFIRM = "sign-in", "confirm"
_WRONG_AN_HOUR = 10  # for one address, known or not
_WRONG_AN_HOUR_FROM = 20  # from one network


def account_of(login: str) -> Account | None:
    """Return the account of a login, or None; case does not matter."""
    if "\0" in login:
        return None  # no text of PostgreSQL's has one
    return db.session.scalar(_account_query(login))


def _account_query(login: str) -> Select[Account]:
    return select(Account).where(Account.login == login.strip().lower())


def recognise(
    login: str, password: str, *, address: str | None, now: dt.datetime, purpose: str = SIGN_IN
) -> Account | None:
    """Return the account with this address and password, or None.

    The account is held until the transaction ends, so that no session begins with a password that is just
    being changed. Tries are counted by purpose: wrong guesses at the sign-in page lock out no person who is
    signed in.

    A try is counted before the password is looked at, in a transaction of its own, and taken back when
    it was right: so tries at once count as many. Beyond the limit not even the right password will do.
    An unknown account costs the same time as a known one.
    """
    of_account = _limit_of(login, purpose)
    of_network = Limit(f"{purpose} from", throttle.network_of(address), _WRONG_AN_HOUR_FROM)
    with write_transaction():
        waits = [throttle.take(limit, now=now) for limit in (of_account, of_network)]
    if any(waits) or "\0" in login:
        return None
    query = _account_query(login).with_for_update(of=Account).execution_options(populate_existing=True)
    account: Account | None = db.session.scalar(query)
    stored = account.password_hash if account else None
    if not passwords.is_right(password, stored) or account is None:
        return None
    if passwords.is_outdated(account.password_hash):
        account.password_hash = passwords.hashed(password)
    throttle.forget(of_account)
    throttle.give_back(of_network)
    return account


def _limit_of(login: str, purpose: str) -> Limit:
    return Limit(purpose, login.strip().lower(), _WRONG_AN_HOUR)


def set_password(account: Account, password: str, *, action: str) -> None:
    """Give an account a new password, and write it down for each of its organizations.

    ValidationError for a password that is easy to guess. The caller ends the sessions. Wrong guesses at the
    old password count no longer, so that they lock out no person.
    """
    problem = passwords.problem_with(password)
    if problem:
        raise ValidationError({"password": [problem]})
    account.password_hash = passwords.hashed(password)
    for purpose in (SIGN_IN, CONFIRM):
        throttle.forget(_limit_of(account.login, purpose))
    db.session.execute(delete(PasswordReset).where(PasswordReset.account_id == account.id))
    query = select(Membership.organization_id).where(Membership.account_id == account.id)
    for organization_id in db.session.scalars(query.order_by(Membership.organization_id)).all():
        audit.record(organization_id, action, str(account.uid), after={"login": account.login})
