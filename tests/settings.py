"""Settings of a portal under test: its providers are the sandboxes."""

from dataclasses import dataclass
from pathlib import Path

from portal.config import EasybillSettings, Environment, Settings, StripeSettings
from tests.seller import SELLER

WEBHOOK_SECRET = "whsec_tests"


@dataclass(frozen=True)
class Sandboxes:
    stripe_url: str
    easybill_url: str


NOWHERE = Sandboxes("http://127.0.0.1:9", "http://127.0.0.1:9")  # the discard port: nothing listens


def make_settings(
    database_url: str, sandboxes: Sandboxes, var: Path, url: str = "http://localhost"
) -> Settings:
    return Settings(
        environment=Environment.DEMO,
        var=var,
        secret_key="a secret of the tests, long enough",
        audit_key="a key of the tests' audit trails, long enough",
        database_url=database_url,
        portal_url=url,
        stripe=StripeSettings(
            secret_key="sk_test_sandbox",
            publishable_key="pk_test_sandbox",
            webhook_secret=WEBHOOK_SECRET,
            api_base=sandboxes.stripe_url,
            js_url=f"{sandboxes.stripe_url}/stripe.js",
        ),
        easybill=EasybillSettings(
            api_key="easybill-sandbox", api_base=f"{sandboxes.easybill_url}/rest/v1", calls_per_minute=6000
        ),
        seller=SELLER,
        close_grace_days=3,
        provider_deadline_milliseconds=5000,
        log_level="WARNING",
    )
