"""All that the portal can be told from outside, as it is passed on once it was checked (`portal.config`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from portal.config.seller import Seller
from portal.domain.keys import Keys
from portal.domain.vat import VatRules, WithoutVatId

STRIPE_API = "https://api.stripe.com"
STRIPE_JS = "https://js.stripe.com/endive/stripe.js"  # the release that fits the pinned stripe major
EASYBILL_API = "https://api.easybill.de/rest/v1"
MAIL_FROM = "portal@localhost"


class ListenAddress(NamedTuple):
    """Where a process waits for connections."""

    host: str
    port: int


class Environment(StrEnum):
    """What a portal is for: playing, trying a release as in production, or customers."""

    DEMO = "demo"
    STAGING = "staging"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class StripeSettings:
    """How to reach Stripe, or the stand-in."""

    secret_key: str
    publishable_key: str
    webhook_secret: str
    api_base: str
    js_url: str

    @property
    def is_sandbox(self) -> bool:
        return self.api_base != STRIPE_API

    @property
    def is_live(self) -> bool:
        return self.secret_key.startswith(("sk_live_", "rk_live_"))


@dataclass(frozen=True, slots=True)
class EasybillSettings:
    """How to reach EasyBill, or the stand-in."""

    api_key: str
    api_base: str
    calls_per_minute: int = 10  # EasyBill's smaller plan; the larger one has 60

    @property
    def is_sandbox(self) -> bool:
        return self.api_base != EASYBILL_API


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How to send mail; without a server it goes into a folder, which the demo shows."""

    url: str | None = None
    sender: str = MAIL_FROM


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How it can be seen that the portal lives: what runs, who may read its numbers, who gets mail."""

    build_commit: str = ""
    metrics_token: str | None = None
    metrics_listen: ListenAddress | None = None
    operations_mail: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the portal can be told from outside."""

    environment: Environment
    var: Path
    secret_key: str
    audit_key: str
    database_url: str
    portal_url: str
    stripe: StripeSettings
    easybill: EasybillSettings
    seller: Seller
    close_grace_days: int
    provider_deadline_milliseconds: int
    log_level: str
    # VAT of customers in the Union without a VAT id: a tax adviser decides, so nothing is assumed.
    eu_without_vat_id: WithoutVatId = WithoutVatId.REFUSE
    # The e-invoice formats that the provider makes; asking for others would only cost calls.
    document_formats: frozenset[str] = frozenset()
    mail: MailSettings = MailSettings()
    proxy_hops: int = 0
    # Secrets that signed before: what they signed is still believed.
    secret_key_fallbacks: Sequence[str] = ()
    audit_key_fallbacks: Sequence[str] = ()
    is_stripe_test_mode: bool = False
    watch: WatchSettings = WatchSettings()

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def allows_stand_ins(self) -> bool:
        return not self.is_production

    @property
    def audit_keys(self) -> Keys:
        """Return what vouches for the audit trail and for backups, the newest key first."""
        return Keys((self.audit_key, *self.audit_key_fallbacks))

    @property
    def is_https(self) -> bool:
        return self.portal_url.startswith("https://")

    @property
    def vat_rules(self) -> VatRules:
        """Return how the seller taxes what it sells."""
        return VatRules(self.seller.vat_home, self.eu_without_vat_id)

    @property
    def has_sandbox(self) -> bool:
        return self.stripe.is_sandbox or self.easybill.is_sandbox

    @property
    def has_only_sandboxes(self) -> bool:
        return self.stripe.is_sandbox and self.easybill.is_sandbox
