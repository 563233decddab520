"""The operator's commands, thin: each strings together what the rooms offer."""

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup

from portal.domain.access import Preset
from portal.domain.errors import BillingError, ValidationError
from portal.domain.period import day_of, hour_after, hour_of
from portal.extensions import db
from portal.web import log
from portal.web.clock import utc_now
from portal.web.providers import settings

usage = AppGroup("usage", help="Bring usage in.")
billing = AppGroup("billing", help="Close months, and have their legal documents made.")
directory = AppGroup("directory", help="Organizations, accounts, memberships and API tokens.")
catalogue = AppGroup("catalogue", help="Products, prices and subscriptions.")


def init_app(app: Flask) -> None:
    for group in (usage, billing, directory, catalogue):
        app.cli.add_command(group)


class Instant(click.ParamType[dt.datetime]):
    """An ISO 8601 time with a zone."""

    name = "ISO time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        try:
            at = dt.datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value} is not an ISO 8601 time", param, ctx)
        return at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at.astimezone(dt.UTC)


class FullHour(Instant):
    """An ISO 8601 time at which an hour starts."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        at = super().convert(value, param, ctx)
        if hour_after(at) != hour_of(at):
            self.fail(f"{value} is not a full hour", param, ctx)
        return at


class Number(click.ParamType[Decimal]):
    """A decimal number."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            return Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value} is not a decimal number", param, ctx)


class Date(click.ParamType[dt.date]):
    """A UTC date."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        try:
            return dt.date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value} is not a date such as 2026-01-13", param, ctx)


def _fail(error: BillingError) -> click.ClickException:
    """Say what is wrong in one sentence."""
    if isinstance(error, ValidationError):
        problems = (f"{name} {', '.join(reasons)}" for name, reasons in error.fields.items())
        return click.ClickException("; ".join(problems))
    return click.ClickException(str(error))


@usage.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--organization", required=True, help="Its customer number or id.")
def import_usage(files: tuple[Path, ...], organization: str) -> None:
    """Import hourly usage from FOCUS cost-and-usage files; all parts of one export together."""
    from portal.account.directory import organization_by
    from portal.metering.importing import import_focus

    try:
        owner = organization_by(organization)
        done = import_focus(owner, files, lambda place, why: click.echo(f"{place}: {why}", err=True))
    except BillingError as error:
        raise _fail(error) from error
    click.echo(f"{done.rows} rows read, {done.metered} metered, {done.rounded} rounded to 1e-9")
    written = done.written
    click.echo(f"entries: {written.new} new, {written.same} same, {written.replaced} replaced")
    for reason, count in sorted(done.refused.items()):
        click.echo(f"not metered: {count} × {reason}")


@billing.command()
@click.option("--now", type=Instant(), default=None, help="Pretend it is this time.")
def tick(now: dt.datetime | None) -> None:
    """Run the clock once: hours, close, deliver, mirror. Any time, twice at once, after any crash."""
    from portal.clockwork import tick as run

    try:
        click.echo(run(now or utc_now()))
    except BillingError as error:
        raise _fail(error) from error


@billing.command()
@click.option("--every", type=int, default=60, show_default=True, help="Seconds between two ticks.")
def work(every: int) -> None:
    """Run the clock for ever."""
    from portal.clockwork import work as run

    log.configure(settings().log_level)
    run(every, threading.Event())


@directory.command("add-organization")
@click.argument("name")
@click.option("--street", required=True)
@click.option("--postal-code", required=True)
@click.option("--city", required=True)
@click.option("--country", required=True, help="Two letters, such as DE.")
@click.option("--currency", required=True, help="ISO 4217, such as EUR.")
@click.option("--vat-id", default=None)
@click.option("--email", "emails", multiple=True, help="Where invoices go; up to three.")
def add_organization(
    name: str, currency: str, vat_id: str | None, emails: tuple[str, ...], **where: str
) -> None:
    """Make an organization and print its id."""
    from portal.account import directory as people

    try:
        organization = people.add_organization(
            name, people.Address(**where), currency=currency, now=utc_now(), vat_id=vat_id, emails=emails
        )
    except BillingError as error:
        raise _fail(error) from error
    db.session.commit()
    click.echo(organization.uid)


@directory.command("add-account")
@click.argument("login")
@click.option("--name", required=True)
@click.password_option()
def add_account(login: str, name: str, password: str) -> None:
    """Make an account for a person."""
    from portal.account import directory as people

    try:
        account = people.add_account(login, name, password, now=utc_now())
    except BillingError as error:
        raise _fail(error) from error
    db.session.commit()
    click.echo(account.uid)


@directory.command("add-member")
@click.argument("login")
@click.option("--organization", required=True, help="Its customer number or id.")
@click.option("--preset", required=True, type=click.Choice([each.value for each in Preset]))
def add_member(login: str, organization: str, preset: str) -> None:
    """Let a person into an organization, or change what they may do there."""
    from portal.account import directory as people

    try:
        people.add_membership(people.organization_by(organization), people.account_by(login), Preset(preset))
    except BillingError as error:
        raise _fail(error) from error
    db.session.commit()


@directory.command("add-token")
@click.argument("login")
@click.option("--organization", required=True, help="Its customer number or id.")
@click.option("--name", required=True, help="What it is for.")
def add_token(login: str, organization: str, name: str) -> None:
    """Make an API token for a member and print it: it is shown only this once."""
    from portal.account import directory as people

    try:
        owner, account = people.organization_by(organization), people.account_by(login)
        token = people.add_token(owner, account, name, now=utc_now())
    except BillingError as error:
        raise _fail(error) from error
    db.session.commit()
    click.echo(token)


@catalogue.command("set-price")
@click.argument("code")
@click.option("--name", default=None, help="Of a new product; default: its code.")
@click.option("--unit", default="unit", show_default=True, help="Of a new product.")
@click.option("--metering", type=click.Choice(["time", "usage"]), default="usage", show_default=True)
@click.option("--currency", required=True)
@click.option("--price", type=Number(), required=True, help="In major units, up to 12 decimals.")
@click.option("--since", type=Date(), default="1970-01-01", show_default=True, help="A UTC midnight.")
def set_price(
    code: str, name: str | None, unit: str, metering: str, currency: str, price: Decimal, since: dt.date
) -> None:
    """Set what a product costs from a day on; a product that does not exist is made."""
    from portal.ledger import catalogue as ledger
    from portal.models import Metering

    try:
        product = ledger.product_by_code(code, name=name or code, unit=unit, metering=Metering(metering))
        ledger.set_price(product, currency, price, start_day=day_of(since))
    except BillingError as error:
        raise _fail(error) from error
    db.session.commit()


@catalogue.command("subscribe")
@click.argument("code")
@click.option("--organization", required=True, help="Its customer number or id.")
@click.option("--project", default=None, help="The code of its project; default: the organization itself.")
@click.option("--since", type=FullHour(), default=None, help="A full hour; default: the next.")
def subscribe(code: str, organization: str, project: str | None, since: dt.datetime | None) -> None:
    """Subscribe a project to a product and print the subscription's id."""
    from portal.account.directory import organization_by
    from portal.ledger import catalogue as ledger

    try:
        owner = organization_by(organization)
        product = ledger.existing_product(code)
        ledger.refuse_unpriced(product, owner.currency)
        part = ledger.project_by_code(owner, project, name=project) if project else None
        start_hour = hour_of(since or utc_now() + dt.timedelta(hours=1))
        subscription = ledger.subscribe(owner, product, part, start_hour=start_hour)
    except BillingError as error:
        raise _fail(error) from error
    db.session.commit()
    click.echo(subscription.uid)
