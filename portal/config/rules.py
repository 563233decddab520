"""What settings cannot mean together: a sentence each, and none of them repeats a secret."""

from collections.abc import Collection, Iterator

from portal.config.types import EASYBILL_API, STRIPE_API, Environment, Settings, StripeSettings
from portal.config.values import (
    fault_of_address,
    fault_of_api_base,
    fault_of_prefix,
    fault_of_provider_secret,
    fault_of_secret,
    fault_of_sender,
    fault_of_url,
)

_STRIPE_PREFIXES = {
    "STRIPE_SECRET_KEY": ("sk_test_", "sk_live_", "rk_test_", "rk_live_"),
    "STRIPE_PUBLISHABLE_KEY": ("pk_test_", "pk_live_"),
    "STRIPE_WEBHOOK_SECRET": ("whsec_",),
}


def faults(settings: Settings) -> list[str]:
    """Return all that cannot be meant."""
    return [fault for fault in _faults(settings) if fault]


def _faults(settings: Settings) -> Iterator[str | None]:
    yield fault_of_secret("SECRET_KEY", settings.secret_key)
    for secret in settings.secret_key_fallbacks:
        yield fault_of_secret("Each of SECRET_KEY_FALLBACKS", secret)
    if settings.secret_key in settings.secret_key_fallbacks:
        yield "SECRET_KEY_FALLBACKS has the secrets of before, so not SECRET_KEY itself."
    yield from _faults_of_audit_key(settings)
    yield fault_of_url("PORTAL_URL", settings.portal_url)
    if settings.mail.url:
        yield fault_of_sender("MAIL_FROM", settings.mail.sender)
    if not settings.easybill.is_sandbox:
        yield fault_of_provider_secret("EASYBILL_API_KEY", settings.easybill.api_key)
    yield fault_of_api_base("STRIPE_API_BASE", settings.stripe.api_base, STRIPE_API)
    yield fault_of_api_base("EASYBILL_API_BASE", settings.easybill.api_base, EASYBILL_API)
    yield from _faults_of_stripe(settings.stripe)
    yield from _faults_of_watch(settings)
    if settings.environment is Environment.DEMO:
        yield from _faults_of_demo(settings)
    else:
        yield from _faults_of_public(settings)


def _faults_of_watch(settings: Settings) -> Iterator[str | None]:
    watch = settings.watch
    if watch.operations_mail is not None:
        yield fault_of_address("OPERATIONS_MAIL", watch.operations_mail)
    if watch.metrics_token is not None:
        yield fault_of_secret("METRICS_TOKEN", watch.metrics_token)
        if watch.metrics_token in _signing_secrets(settings):
            yield "METRICS_TOKEN is a secret of its own: what watches is given none that signs."
    elif watch.metrics_listen and settings.environment is not Environment.DEMO:
        yield "METRICS_LISTEN shows nothing without METRICS_TOKEN."


def _faults_of_audit_key(settings: Settings) -> Iterator[str | None]:
    yield fault_of_secret("AUDIT_KEY", settings.audit_key)
    for secret in settings.audit_key_fallbacks:
        yield fault_of_secret("Each of AUDIT_KEY_FALLBACKS", secret)
    if settings.audit_key in (
        *settings.audit_key_fallbacks,
        settings.secret_key,
        *settings.secret_key_fallbacks,
    ):
        yield "AUDIT_KEY is a secret of its own: neither a SECRET_KEY nor one of AUDIT_KEY_FALLBACKS."


def _signing_secrets(settings: Settings) -> Collection[str]:
    ours = settings.secret_key, *settings.secret_key_fallbacks
    return {*ours, settings.audit_key, *settings.audit_key_fallbacks}


def _faults_of_stripe(stripe: StripeSettings) -> Iterator[str | None]:
    keys = (stripe.secret_key, stripe.publishable_key, stripe.webhook_secret)
    wrong_prefixes = [
        fault_of_prefix(name, key, prefixes)
        for (name, prefixes), key in zip(_STRIPE_PREFIXES.items(), keys, strict=True)
    ]
    yield from wrong_prefixes
    if not any(wrong_prefixes):
        yield from _faults_of_stripe_keys(stripe)
    if stripe.is_sandbox and stripe.is_live:
        yield "A live Stripe key never goes to a stand-in: STRIPE_API_BASE is not Stripe's."
    if not stripe.is_sandbox and not stripe.js_url.startswith("https://js.stripe.com/"):
        yield "STRIPE_JS_URL must be on https://js.stripe.com/ when Stripe is the real one."


def _faults_of_stripe_keys(stripe: StripeSettings) -> Iterator[str | None]:
    yield fault_of_provider_secret("STRIPE_WEBHOOK_SECRET", stripe.webhook_secret)
    if stripe.is_live != stripe.publishable_key.startswith("pk_live_"):
        yield "STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY are of different modes."


def _faults_of_demo(settings: Settings) -> Iterator[str]:
    if settings.stripe.is_live:
        yield "A live Stripe key needs PORTAL_ENV=production."
    if settings.is_https and settings.mail.url is None:
        yield "Without MAIL_URL anybody may read the mails: not on a PORTAL_URL with https."


def _faults_of_public(settings: Settings) -> Iterator[str]:
    kind = f"PORTAL_ENV={settings.environment}"
    if settings.mail.url is None:
        yield f"{kind} sends mail: MAIL_URL names its server."
    if not settings.is_https:
        yield f"{kind} needs a PORTAL_URL with https."
    if settings.has_sandbox and not settings.allows_stand_ins:
        yield f"{kind} refuses stand-ins: STRIPE_API_BASE or EASYBILL_API_BASE."
    if settings.stripe.is_live and not settings.is_production:
        yield "A live Stripe key needs PORTAL_ENV=production."
    if settings.is_production and settings.stripe.is_live == settings.is_stripe_test_mode:
        yield (
            "PORTAL_ENV=production takes Stripe's live keys, or its test keys with STRIPE_TEST_MODE=yes;"
            " nobody pays with those."
        )
