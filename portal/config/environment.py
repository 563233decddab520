"""Reads the settings from the environment, and refuses those that cannot work.

No settings at all means the demo, which brings its own. `PORTAL_ENV=production` needs every setting and
refuses stand-ins; staging is checked as production is, and allows them.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from portal.config.paths import ROOT, VAR
from portal.config.rules import faults
from portal.config.seller import REQUIRED as _SELLER_REQUIRED
from portal.config.seller import SettingsError, checked, seller_of
from portal.config.types import (
    EASYBILL_API,
    STRIPE_API,
    STRIPE_JS,
    EasybillSettings,
    Environment,
    MailSettings,
    Settings,
    StripeSettings,
    WatchSettings,
)
from portal.config.values import (
    formats,
    is_said,
    listen_address,
    log_level,
    mail_url,
    names,
    whole_number,
    with_driver,
)
from portal.domain.vat import WithoutVatId

_WITHOUT_VAT_ID_REASON = f"is {{text!r}}; it is one of {', '.join(WithoutVatId)}"

# Each may also be given to the demo; then PORTAL_ENV has to say that it is the demo that is meant.
_OWN_CHOICES = (
    "SECRET_KEY",
    "AUDIT_KEY",
    "DATABASE_URL",
    "PORTAL_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_PUBLISHABLE_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "EASYBILL_API_KEY",
    "MAIL_URL",
    "MAIL_FROM",
)
_REQUIRED = (*_OWN_CHOICES, "PROXY_HOPS", *_SELLER_REQUIRED)


Defaults = Callable[[Mapping[str, str], Path], Mapping[str, str]]


def from_environment(environment: Mapping[str, str] | None = None, *, demo: Defaults) -> Settings:
    """Read and check the settings; SettingsError with one sentence if they cannot work.

    `demo` chooses what is not set where this is the demo, by what is set and the folder of its files.
    """
    source = os.environ if environment is None else environment
    given = {name: value for name, value in source.items() if value}
    kind = _kind(given)
    var = Path(given.get("PORTAL_VAR", VAR))
    values = {"PROXY_HOPS": "0", **demo(given, var), **given} if kind is Environment.DEMO else given
    _require_all(values, kind)
    settings = _settings(values, kind, var)
    found = faults(settings)
    if found:
        raise SettingsError(" ".join(found))
    return settings


def _kind(given: Mapping[str, str]) -> Environment:
    chosen = next((name for name in _OWN_CHOICES if name in given), None)
    if chosen and "PORTAL_ENV" not in given:
        raise SettingsError(f"{chosen} is set, so PORTAL_ENV says what this is: {' or '.join(Environment)}.")
    reason = f"is {{text!r}}; it is one of {', '.join(Environment)}"
    return checked(given, "PORTAL_ENV", Environment, reason, Environment.DEMO)


def _require_all(values: Mapping[str, str], kind: Environment) -> None:
    missing = [name for name in _REQUIRED if name not in values]
    if missing:
        raise SettingsError(f"PORTAL_ENV={kind} with these settings also needs {', '.join(missing)}.")


def _settings(values: Mapping[str, str], kind: Environment, var: Path) -> Settings:
    return Settings(
        environment=kind,
        var=var,
        secret_key=values["SECRET_KEY"],
        secret_key_fallbacks=names(values, "SECRET_KEY_FALLBACKS"),
        audit_key=values["AUDIT_KEY"],
        audit_key_fallbacks=names(values, "AUDIT_KEY_FALLBACKS"),
        database_url=with_driver(values["DATABASE_URL"]),
        portal_url=values["PORTAL_URL"].rstrip("/"),
        stripe=_stripe(values),
        is_stripe_test_mode=is_said(values, "STRIPE_TEST_MODE"),
        easybill=EasybillSettings(
            api_key=values["EASYBILL_API_KEY"],
            api_base=values.get("EASYBILL_API_BASE", EASYBILL_API),
            calls_per_minute=whole_number(values, "EASYBILL_CALLS_PER_MINUTE", 10, 1, 60_000),
        ),
        seller=seller_of(values, ROOT / "static"),
        close_grace_days=whole_number(values, "CLOSE_GRACE_DAYS", 3, 0, 27),
        provider_deadline_milliseconds=whole_number(
            values, "PROVIDER_DEADLINE_MILLISECONDS", 2000, 100, 30_000
        ),
        log_level=log_level(values),
        eu_without_vat_id=checked(
            values, "EU_WITHOUT_VAT_ID", WithoutVatId, _WITHOUT_VAT_ID_REASON, "refuse"
        ),
        document_formats=formats(values),
        mail=MailSettings(mail_url(values["MAIL_URL"]), values["MAIL_FROM"]),
        proxy_hops=whole_number(values, "PROXY_HOPS", 0, 0, 9),
        watch=WatchSettings(
            build_commit=values.get("BUILD_COMMIT", ""),
            metrics_token=values.get("METRICS_TOKEN"),
            metrics_listen=listen_address(values, "METRICS_LISTEN"),
            operations_mail=values.get("OPERATIONS_MAIL"),
        ),
    )


def _stripe(values: Mapping[str, str]) -> StripeSettings:
    api_base = values.get("STRIPE_API_BASE", STRIPE_API)
    js_url = STRIPE_JS if api_base == STRIPE_API else f"{api_base}/stripe.js"
    return StripeSettings(
        secret_key=values["STRIPE_SECRET_KEY"],
        publishable_key=values["STRIPE_PUBLISHABLE_KEY"],
        webhook_secret=values["STRIPE_WEBHOOK_SECRET"],
        api_base=api_base,
        js_url=values.get("STRIPE_JS_URL", js_url),
    )
