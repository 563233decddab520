"""The app's settings and gateways, for requests and for work without one alike."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from portal.config import Settings
from portal.gateways.invoicing import InvoicingProvider
from portal.gateways.mail import MailGateway
from portal.gateways.stripe import StripeGateway


@dataclass(frozen=True, slots=True)
class Providers:
    """The outside, as this app knows it."""

    stripe: StripeGateway
    invoicing: InvoicingProvider
    mail: MailGateway


def stripe() -> StripeGateway:
    return _providers().stripe


def invoicing() -> InvoicingProvider:
    return _providers().invoicing


def mail() -> MailGateway:
    return _providers().mail


def _providers() -> Providers:
    return cast("Providers", current_app.extensions["portal.providers"])


def settings() -> Settings:
    return cast("Settings", current_app.extensions["portal.settings"])
