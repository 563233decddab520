"""Products, prices and subscriptions."""

import datetime as dt
from decimal import Decimal

import click

from portal.account.directory import organization_by
from portal.cli.arguments import DATE, FULL_HOUR, NUMBER, Commands
from portal.domain.period import day_of, hour_of
from portal.ledger import catalogue as ledger
from portal.models import Metering
from portal.storage import db
from portal.timekeeping.clocks import utc_now

group = Commands("catalogue")


@group.command("set-price")
@click.argument("code")
@click.option("--name", default=None, help="Of a new product; default: its code.")
@click.option("--unit", default="unit", show_default=True, help="Of a new product.")
@click.option("--metering", type=click.Choice(["time", "usage"]), default="usage", show_default=True)
@click.option("--currency", required=True)
@click.option("--price", type=NUMBER, required=True, help="In major units, up to 12 decimals.")
@click.option("--since", type=DATE, default="1970-01-01", show_default=True, help="A UTC midnight.")
def set_price(
    code: str, name: str | None, unit: str, metering: str, currency: str, price: Decimal, since: dt.date
) -> None:
    """Set what a product costs from a day on; a product that does not exist is made."""
    product = ledger.product_by_code(code, name=name or code, unit=unit, metering=Metering(metering))
    ledger.set_price(product, currency, price, start_day=day_of(since))
    db.session.commit()


@group.command("subscribe")
@click.argument("code")
@click.option("--organization", required=True, help="Its customer number or id.")
@click.option("--project", default=None, help="The code of its project; default: the organization itself.")
@click.option("--since", type=FULL_HOUR, default=None, help="A full hour; default: the next.")
def subscribe(code: str, organization: str, project: str | None, since: dt.datetime | None) -> None:
    """Subscribe a project to a product and print the subscription's id."""
    customer = organization_by(organization)
    product = ledger.existing_product(code)
    ledger.refuse_unpriced(product, customer.currency)
    part = ledger.project_by_code(customer, project, name=project) if project else None
    start_hour = hour_of(since or utc_now() + dt.timedelta(hours=1))
    subscription = ledger.subscribe(customer, product, part, start_hour=start_hour)
    db.session.commit()
    click.echo(subscription.uid)
