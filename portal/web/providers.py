"""The gateways this app was created with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from portal.config import Settings
from portal.gateways.easybill import EasybillGateway
from portal.gateways.mail import MailGateway
from portal.gateways.stripe import StripeGateway


@dataclass(frozen=True, slots=True)
class Providers:
    """The outside, as this app knows it."""

    stripe: StripeGateway
    easybill: EasybillGateway
    mail: MailGateway


def stripe() -> StripeGateway:
    return cast("Providers", current_app.extensions["portal.providers"]).stripe


def easybill() -> EasybillGateway:
    return cast("Providers", current_app.extensions["portal.providers"]).easybill


def mail() -> MailGateway:
    return cast("Providers", current_app.extensions["portal.providers"]).mail


def settings() -> Settings:
    return cast("Settings", current_app.extensions["portal.settings"])
