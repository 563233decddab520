"""Organizations, accounts, memberships and tokens."""

import click

from portal.account import directory as people
from portal.account.queries import unusable_customers
from portal.cli.arguments import Commands, sentence
from portal.domain.access import Preset
from portal.domain.billing_profile import BillingProfile
from portal.storage import db
from portal.timekeeping.clocks import utc_now
from portal.tokens.actions import make_token

group = Commands("directory")


@group.command("add-collector")
@click.argument("name")
def add_collector(name: str) -> None:
    """Make a token with which a machine reports usage, and nothing else; it is shown only this once."""
    token = people.add_collector(name, now=utc_now())
    db.session.commit()
    click.echo(token)


@group.command("add-organization")
@click.argument("name")
@click.option("--street", required=True)
@click.option("--postal-code", required=True)
@click.option("--city", required=True)
@click.option("--country", required=True, help="Two letters, such as DE.")
@click.option("--currency", required=True, help="ISO 4217, such as EUR.")
@click.option("--vat-id", default=None)
@click.option("--email", "emails", multiple=True, help="Where invoices go; up to three.")
def add_organization(
    currency: str, vat_id: str | None, emails: tuple[str, ...], **name_and_address: str
) -> None:
    """Make an organization and print its id."""
    profile = BillingProfile(vat_id=vat_id, emails=emails, **name_and_address)
    organization = people.add_organization(profile, currency=currency, now=utc_now())
    db.session.commit()
    click.echo(organization.uid)


@group.command("add-account")
@click.argument("login")
@click.option("--name", required=True)
@click.password_option()
def add_account(login: str, name: str, password: str) -> None:
    """Make an account for a person."""
    account = people.add_account(login, name, password, now=utc_now())
    db.session.commit()
    click.echo(account.uid)


@group.command("add-member")
@click.argument("login")
@click.option("--organization", required=True, help="Its customer number or id.")
@click.option("--preset", required=True, type=click.Choice([each.value for each in Preset]))
def add_member(login: str, organization: str, preset: str) -> None:
    """Let a person into an organization, or change what they may do there."""
    people.add_membership(
        people.organization_by(organization), people.account_by(login), Preset(preset), now=utc_now()
    )
    db.session.commit()


@group.command("add-token")
@click.argument("login")
@click.option("--organization", required=True, help="Its customer number or id.")
@click.option("--name", required=True, help="What it is for.")
def add_token(login: str, organization: str, name: str) -> None:
    """Make an API token for a member and print it: it is shown only this once."""
    customer, account = people.organization_by(organization), people.account_by(login)
    minted = make_token(customer, account, name, now=utc_now())
    db.session.commit()
    click.echo(minted.token)


@group.command("remove-member")
@click.argument("login")
@click.option("--organization", required=True, help="Its customer number or id.")
def remove_member(login: str, organization: str) -> None:
    """Take a person out of an organization, from the next request on."""
    people.remove_membership(people.organization_by(organization), people.account_by(login))
    db.session.commit()


@group.command("check")
def check() -> None:
    """List customers whose stored profile or currency would be refused today; exits 1 if there are any."""
    lines = [
        f"{organization.number}: {sentence(error).message}" for organization, error in unusable_customers()
    ]
    if lines:
        click.echo("\n".join(lines))
        raise click.ClickException(f"{len(lines)} to correct, on their profile pages or by hand.")
