"""The headers of every answer: they limit a browser's loading, keeping and referring."""

from http import HTTPStatus

from flask import Flask, Response, g, request

from portal.config import Settings
from portal.web.renders import VARY

_STATIC_AGE_SECONDS = 31536000


def init_app(app: Flask, settings: Settings) -> None:
    plain = content_security_policy()
    with_stripe = content_security_policy(**_stripe_sources(settings))

    @app.after_request
    def set_headers(response: Response) -> Response:
        headers = response.headers
        headers["Content-Security-Policy"] = with_stripe if g.get("loads_stripe") else plain
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["X-Request-Id"] = g.request_id
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"  # http ignores it
        if request.endpoint == "static" and response.status_code < HTTPStatus.BAD_REQUEST:
            if response.status_code == HTTPStatus.OK:
                headers["Cache-Control"] = f"public, max-age={_STATIC_AGE_SECONDS}, immutable"
            return response
        headers.setdefault("Cache-Control", "private, no-store")
        response.vary.update(VARY)
        return response


def loads_stripe() -> None:
    """Let this one answer load Stripe.js and its frames."""
    g.loads_stripe = True


def _stripe_sources(settings: Settings) -> dict[str, str]:
    if settings.stripe.is_sandbox:
        origin = settings.stripe.api_base
        return {"script": origin, "frame": origin, "connect": origin, "image": ""}
    return {
        "script": "https://js.stripe.com https://*.js.stripe.com",
        "frame": "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
        "connect": "https://api.stripe.com",
        "image": "https://*.stripe.com",
    }


def content_security_policy(*, script: str = "", frame: str = "", connect: str = "", image: str = "") -> str:
    """Return the policy, with more sources for the page that loads Stripe's element."""
    directives = {
        "default-src": "'none'",
        "script-src": f"'self' {script}",
        "style-src": "'self'",
        "img-src": f"'self' data: {image}",
        "font-src": "'self'",
        "connect-src": f"'self' {connect}",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    if frame:
        directives["frame-src"] = frame
    return "; ".join(f"{name} {sources.strip()}" for name, sources in directives.items())
