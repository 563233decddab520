"""Assembles the portal: the one module that knows every part."""

import datetime as dt
import gc
import hashlib
from collections.abc import Sequence
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import cli, keyring
from portal.access import auth, idempotency, tenancy
from portal.config import ROOT, Environment, Settings
from portal.delivery.call_budget import SharedBudget
from portal.extensions import csrf, htmx, migrate
from portal.gateways.easybill import EasybillGateway
from portal.gateways.mail import SmtpMail, named_sender
from portal.gateways.stripe import StripeGateway
from portal.health.listening import admit_any_name
from portal.instruments import CountedCalls
from portal.services import Providers
from portal.storage import db, engine_options
from portal.timekeeping.clocks import Clock, clock_of, set_clock
from portal.web import bodies, compression, errors, filters, headers, lists, log, measuring, transaction
from portal.web.banner import banner_of

_BODY_MAX_BYTES = 64 * 1024
_COLLECT_AFTER_OBJECTS = 50_000
_WITH_ROUTES = (
    "overview usage subscriptions invoices legal_invoices payment_methods profile tokens audit_trail"
    " signing_in account metering webhooks openapi health"
)
_ROOMS: Sequence[Blueprint] = tuple(
    import_module(f"portal.{room}.routes").bp for room in _WITH_ROUTES.split()
)


def create_app(
    settings: Settings, *, providers: Providers | None = None, clock: Clock | None = None
) -> Flask:
    """Return the portal, ready to serve; its clock is the database's, unless another one is given."""
    app = Flask("portal", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.config.from_mapping(_flask_settings(settings))
    if settings.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxy_hops, x_proto=settings.proxy_hops)  # type: ignore[method-assign]
    admit_any_name(app, settings.portal_url)
    app.extensions["portal.settings"] = settings
    set_clock(app, clock or clock_of(settings.database_url))
    app.extensions["portal.providers"] = providers or real_providers(settings)
    app.extensions["portal.static_digests"] = _static_digests()
    keyring.init_app(app, settings.audit_keys)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"), compare_type=True)
    htmx.init_app(app)
    csrf.init_app(app)
    compression.init_app(app)  # the last to see an answer
    for part in (measuring, log, bodies):
        part.init_app(app)
    headers.init_app(app, settings)  # after the commit, which may make another answer of a good one
    for part in (transaction, tenancy, idempotency, auth, errors, filters, lists):
        part.init_app(app)
    for room in _ROOMS:
        app.register_blueprint(room)
    app.context_processor(
        lambda: {
            "seller": settings.seller,
            "banner": banner_of(settings),
            "shows_mails": "mails" in app.blueprints,
        }
    )
    cli.init_app(app)
    auth.refuse_views_without_policy(app)
    return app


def real_providers(settings: Settings, clock: Clock | None = None) -> Providers:
    """Return gateways to the services that the settings name; their time is the database's, or `clock`."""
    clock = clock or clock_of(settings.database_url)
    deadline = settings.provider_deadline_milliseconds
    sender = named_sender(settings.mail.sender, settings.seller.name)
    budget = SharedBudget("easybill", settings.database_url, settings.easybill.calls_per_minute, clock)
    return Providers(
        stripe=StripeGateway(
            settings.stripe.secret_key, settings.stripe.api_base, deadline, observer=CountedCalls("stripe")
        ),
        invoicing=EasybillGateway(
            settings.easybill.api_key,
            settings.easybill.api_base,
            budget=budget,
            observer=CountedCalls("easybill"),
        ),
        mail=SmtpMail(
            settings.mail.url,
            sender,
            settings.seller.support_email,
            deadline,
            clock,
            observer=CountedCalls("mail"),
        ),
    )


def _flask_settings(settings: Settings) -> dict[str, Any]:
    host = urlsplit(settings.portal_url).hostname
    return {
        "SECRET_KEY": settings.secret_key,
        "SECRET_KEY_FALLBACKS": [*settings.secret_key_fallbacks],
        "WTF_CSRF_SECRET_KEY": [*settings.secret_key_fallbacks, settings.secret_key],  # the last one signs
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_url),
        "SESSION_COOKIE_NAME": "__Host-session" if settings.is_https else "session",
        "SESSION_COOKIE_SECURE": settings.is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": dt.timedelta(hours=12),
        "SESSION_REFRESH_EACH_REQUEST": False,  # no cookie in an answer that caches may keep
        "WTF_CSRF_TIME_LIMIT": None,  # it lives as long as its session: a tab may stay open
        "WTF_CSRF_CHECK_DEFAULT": False,  # access/auth asks, once it knows the caller
        "MAX_CONTENT_LENGTH": _BODY_MAX_BYTES,
        "TRUSTED_HOSTS": [host, "127.0.0.1", "localhost"]
        if settings.environment is Environment.DEMO
        else [host],
        "PREFERRED_URL_SCHEME": urlsplit(settings.portal_url).scheme,
    }


def _static_digests() -> dict[str, str]:
    """Name each static file's content, so that it may be kept for ever until it changes."""
    root = ROOT / "static"
    files = [path for path in root.rglob("*") if path.is_file()]
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in files
    }


def calm_collector() -> None:
    """Tell the garbage collector of a process that serves: imported modules stay, and batches are large.

    A delivery makes many small tuples that no cycle holds; walking everything for them took a third of its
    time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS)
