"""Settings from the environment: typed, checked once at start, refused with one clear sentence.

No settings at all means the demo, which brings its own. `PORTAL_ENV=production` needs every setting and
refuses stand-ins.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from portal.domain.vat import VatRules, WithoutVatId
from portal.seller import REQUIRED as _SELLER_REQUIRED
from portal.seller import Seller, SettingsError, checked, seller_of

_PACKAGE = Path(__file__).resolve().parent
_PACKED = _PACKAGE / "packed"  # in a wheel: what a checkout has beside portal/
ROOT = _PACKED if _PACKED.is_dir() else _PACKAGE.parent  # of templates, static and migrations
VAR = (Path.cwd() if _PACKED.is_dir() else ROOT) / "var"  # unless PORTAL_VAR says otherwise
STRIPE_API = "https://api.stripe.com"
STRIPE_JS = "https://js.stripe.com/endive/stripe.js"  # the release that fits the pinned stripe major
EASYBILL_API = "https://api.easybill.de/rest/v1"
EASYBILL_FORMATS = frozenset({"xrechnung", "zugferd"})
MAIL_FOLDER = "folder"  # as MAIL_URL: no mail server, the demo shows the mails
MAIL_FROM = "portal@localhost"
_SECRET_LENGTH_MIN = 32
_WITHOUT_VAT_ID_REASON = f"is {{text!r}}; it is one of {', '.join(WithoutVatId)}"

_REQUIRED = (
    "SECRET_KEY",
    "DATABASE_URL",
    "PORTAL_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_PUBLISHABLE_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "EASYBILL_API_KEY",
    "MAIL_URL",
    "MAIL_FROM",
    *_SELLER_REQUIRED,
)


Defaults = Callable[[Mapping[str, str], Path], Mapping[str, str]]


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
class Settings:
    """All that the portal can be told from outside."""

    is_production: bool
    var: Path
    secret_key: str
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


def from_environment(environment: Mapping[str, str] | None = None, *, demo: Defaults) -> Settings:
    """Read and check the settings; SettingsError with one sentence if they cannot work.

    `demo` chooses what is not set where this is the demo, by what is set and the folder of its files.
    """
    source = os.environ if environment is None else environment
    given = {name: value for name, value in source.items() if value}
    kind = given.get("PORTAL_ENV", "demo")
    if kind not in {"demo", "production"}:
        raise SettingsError(f"PORTAL_ENV is {kind!r}; it is either demo or production.")
    is_production = kind == "production"
    var = Path(given.get("PORTAL_VAR", VAR))
    values = given if is_production else {**demo(given, var), **given}
    _require_all(values, kind)
    settings = _settings(values, is_production=is_production, var=var)
    _refuse_contradictions(settings)
    return settings


def _require_all(values: Mapping[str, str], kind: str) -> None:
    missing = [name for name in _REQUIRED if name not in values]
    if missing:
        raise SettingsError(f"PORTAL_ENV={kind} with these settings also needs {', '.join(missing)}.")


def _settings(values: Mapping[str, str], *, is_production: bool, var: Path) -> Settings:
    api_base = values.get("STRIPE_API_BASE", STRIPE_API)
    js_url = STRIPE_JS if api_base == STRIPE_API else f"{api_base}/stripe.js"
    return Settings(
        is_production=is_production,
        var=var,
        secret_key=values["SECRET_KEY"],
        database_url=_with_driver(values["DATABASE_URL"]),
        portal_url=values["PORTAL_URL"].rstrip("/"),
        stripe=StripeSettings(
            secret_key=values["STRIPE_SECRET_KEY"],
            publishable_key=values["STRIPE_PUBLISHABLE_KEY"],
            webhook_secret=values["STRIPE_WEBHOOK_SECRET"],
            api_base=api_base,
            js_url=values.get("STRIPE_JS_URL", js_url),
        ),
        easybill=EasybillSettings(
            api_key=values["EASYBILL_API_KEY"],
            api_base=values.get("EASYBILL_API_BASE", EASYBILL_API),
            calls_per_minute=_calls_per_minute(values),
        ),
        seller=seller_of(values, ROOT / "static"),
        close_grace_days=_whole_number(values, "CLOSE_GRACE_DAYS", 3),
        provider_deadline_milliseconds=_whole_number(values, "PROVIDER_DEADLINE_MILLISECONDS", 2000),
        log_level=values.get("LOG_LEVEL", "INFO"),
        eu_without_vat_id=checked(
            values, "EU_WITHOUT_VAT_ID", WithoutVatId, _WITHOUT_VAT_ID_REASON, "refuse"
        ),
        document_formats=_formats(values),
        mail=MailSettings(_mail_url(values["MAIL_URL"]), values["MAIL_FROM"]),
        proxy_hops=_whole_number(values, "PROXY_HOPS", 0),
    )


def _formats(values: Mapping[str, str]) -> frozenset[str]:
    """Read which e-invoice formats the EasyBill account makes, such as `xrechnung,zugferd`."""
    named = frozenset(each.strip() for each in values.get("EASYBILL_FORMATS", "").split(",") if each.strip())
    if named - EASYBILL_FORMATS:
        raise SettingsError(f"EASYBILL_FORMATS names formats among {', '.join(sorted(EASYBILL_FORMATS))}.")
    return named


def _mail_url(url: str) -> str | None:
    if url == MAIL_FOLDER:
        return None
    if not url.startswith(("smtp://", "smtps://")) or not urlsplit(url).hostname:
        raise SettingsError("MAIL_URL is such as smtp://user:password@mail.example:587.")
    return url


def _with_driver(url: str) -> str:
    """Accept the address as PostgreSQL's own tools write it."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    if not url.startswith(("postgresql+psycopg://", "sqlite:///")):
        raise SettingsError("DATABASE_URL begins with postgresql:// or sqlite:///.")
    return url


def _whole_number(values: Mapping[str, str], name: str, default: int) -> int:
    return checked(values, name, _whole, "is a whole number, not {text!r}", str(default))


def _whole(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(text)


def _calls_per_minute(values: Mapping[str, str]) -> int:
    """Return how often EasyBill may be called, by all processes together; its small plan's 10 unless told."""
    calls = _whole_number(values, "EASYBILL_CALLS_PER_MINUTE", 10)
    if calls < 1:
        raise SettingsError("EASYBILL_CALLS_PER_MINUTE is at least 1: EasyBill's plans have 10 and 60.")
    return calls


def _refuse_contradictions(settings: Settings) -> None:
    stripe = settings.stripe
    is_live = stripe.secret_key.startswith(("sk_live_", "rk_live_"))
    if is_live != stripe.publishable_key.startswith("pk_live_"):
        raise SettingsError("STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY are of different modes.")
    if stripe.is_sandbox and is_live:
        raise SettingsError("A live Stripe key never goes to a stand-in: STRIPE_API_BASE is not Stripe's.")
    if not stripe.is_sandbox and not stripe.js_url.startswith("https://js.stripe.com/"):
        raise SettingsError("STRIPE_JS_URL must be on https://js.stripe.com/ when Stripe is the real one.")
    if urlsplit(settings.portal_url).scheme not in {"http", "https"}:
        raise SettingsError("PORTAL_URL is the address that customers type, such as https://billing.example.")
    if settings.is_production:
        _refuse_unfit_for_production(settings)
    else:
        _refuse_unfit_for_demo(settings, is_live=is_live)


def _refuse_unfit_for_demo(settings: Settings, *, is_live: bool) -> None:
    if is_live:
        raise SettingsError("A live Stripe key needs PORTAL_ENV=production.")
    if settings.is_https and settings.mail.url is None:
        raise SettingsError("Without MAIL_URL anybody may read the mails: not on a PORTAL_URL with https.")


def _refuse_unfit_for_production(settings: Settings) -> None:
    if settings.has_sandbox:
        raise SettingsError("PORTAL_ENV=production refuses stand-ins: STRIPE_API_BASE or EASYBILL_API_BASE.")
    if settings.mail.url is None:
        raise SettingsError("PORTAL_ENV=production sends mail: MAIL_URL names its server.")
    if not settings.is_https:
        raise SettingsError("PORTAL_ENV=production needs a PORTAL_URL with https.")
    if len(settings.secret_key) < _SECRET_LENGTH_MIN:
        raise SettingsError(f"SECRET_KEY needs at least {_SECRET_LENGTH_MIN} characters.")
