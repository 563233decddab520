"""The demo's organizations and people, and the file that tells how to sign in as each."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from portal.account.directory import add_account, add_membership, add_organization
from portal.config import Settings
from portal.domain import tokens
from portal.domain.access import Preset
from portal.domain.billing_profile import BillingProfile
from portal.models import Account, ApiToken, Membership, Organization
from portal.storage import db
from portal.tokens.actions import make_token

PASSWORD = "demo-portal-password"  # noqa: S105 -- printed by `make run`, and good for nothing else
_NAMES = {
    Preset.ADMIN: "Ada Admin",
    Preset.BILLING_MANAGER: "Bela Billing",
    Preset.DEVELOPER: "Dana Developer",
    Preset.VIEWER: "Vito Viewer",
    Preset.OPERATOR: "Olga Operator",
}


@dataclass(frozen=True, slots=True, eq=False)
class Customer:
    """An organization of the demo. `domain` is where its people have their addresses."""

    domain: str
    profile: BillingProfile
    currency: str


HANSE = Customer(
    "hanse.example",
    BillingProfile(
        name="Hanse Analytics GmbH",
        street="Speicherstraße 12",
        postal_code="20457",
        city="Hamburg",
        country="DE",
        vat_id="DE136695976",
        emails=("billing@hanse.example",),
        language="de",
    ),
    "EUR",
)
ALPEN = Customer(
    "alpen.example",
    BillingProfile(
        name="Alpenblick Software GmbH",
        street="Mariahilfer Straße 88",
        postal_code="1070",
        city="Wien",
        country="AT",
        vat_id="ATU13585627",
        emails=("billing@alpen.example",),
    ),
    "EUR",
)
SAKURA = Customer(
    "sakura.example",
    BillingProfile(
        name="Sakura Robotics KK",
        street="1-2-3 Marunouchi, Chiyoda-ku",
        postal_code="100-0005",
        city="Tokyo",
        country="JP",
        emails=("billing@sakura.example",),
    ),
    "JPY",
)
REDWOOD = Customer(
    "redwood.example",
    BillingProfile(
        name="Redwood Imports Inc.",
        street="548 Market Street",
        postal_code="94104",
        city="San Francisco",
        country="US",
        emails=("billing@redwood.example",),
    ),
    "USD",
)
CUSTOMERS = (HANSE, ALPEN, SAKURA, REDWOOD)


def add_customer(customer: Customer, *, now: dt.datetime) -> Organization:
    """Make an organization of the demo with a member for each preset."""
    organization = add_organization(customer.profile, currency=customer.currency, now=now)
    for preset in Preset:
        login = f"{preset.value.partition('_')[0]}@{customer.domain}"
        account = add_account(login, _NAMES[preset], PASSWORD, now=now)
        add_membership(organization, account, preset, now=now)
    return organization


def description(
    settings: Settings, tokens_by_login: Mapping[str, str], *, now: dt.datetime
) -> dict[str, Any]:
    """Return what `var/demo.json` says. Of `tokens_by_login`, those that still work are kept."""
    people = []
    query = select(Membership).order_by(Membership.organization_id, Membership.id)
    presets = list(Preset)
    for membership in db.session.scalars(query):
        account, organization = membership.account, membership.organization
        token = tokens_by_login.get(account.login)
        if token is None or not _works(organization, account, token):
            token = make_token(organization, account, "demo", now=now).token
        people.append(
            {
                "login": account.login,
                "password": PASSWORD,
                "preset": presets[(membership.id - 1) % len(presets)].value,
                "organization_id": str(organization.uid),
                "token": token,
            }
        )
    organizations = [
        {"id": str(each.uid), "name": each.name, "currency": each.currency}
        for each in db.session.scalars(select(Organization).order_by(Organization.id))
    ]
    db.session.commit()
    return {
        "url": settings.portal_url,
        "people": people,
        "organizations": organizations,
        "stripe_url": settings.stripe.api_base,
        "easybill_url": settings.easybill.api_base.removesuffix("/rest/v1"),
    }


def _works(organization: Organization, account: Account, token: str) -> bool:
    query = select(ApiToken.id).where(
        ApiToken.organization_id == organization.id,
        ApiToken.account_id == account.id,
        ApiToken.token_sha256 == tokens.fingerprint(token),
        ApiToken.revoked_at.is_(None),
    )
    return db.session.scalar(query) is not None


def known_tokens(description: Mapping[str, Any]) -> dict[str, str]:
    """Return {login: token} of an earlier description."""
    return {each["login"]: each["token"] for each in description.get("people", [])}
