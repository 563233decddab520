"""Defaults of the demo: its secret, database and seller, and the stand-ins."""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from portal.config import MAIL_FROM
from portal.config.values import MAIL_FOLDER
from portal.domain.vat import WithoutVatId

PORT = 8000


def defaults(given: Mapping[str, str], var: Path) -> dict[str, str]:
    """The choices of `make run`, so that every command talks to the same demo.

    A provider whose key is given is the real one: then nothing of its stand-in is assumed.
    """
    secret = demo_secret(var)
    chosen = _chosen_by_make_run(var)
    defaults = _settings_of_the_demo() | {
        "SECRET_KEY": secret,
        "AUDIT_KEY": derived(secret, "audit trail"),
        "DATABASE_URL": database_url(var),
        "PORTAL_URL": chosen.get("url", f"http://127.0.0.1:{PORT}"),
        "EU_WITHOUT_VAT_ID": WithoutVatId.DESTINATION,
        "MAIL_URL": MAIL_FOLDER,
        "MAIL_FROM": MAIL_FROM,
        "OPERATIONS_MAIL": "operations@example.org",
    }
    if "STRIPE_SECRET_KEY" not in given:
        defaults |= {
            "STRIPE_SECRET_KEY": "sk_test_sandbox",
            "STRIPE_PUBLISHABLE_KEY": "pk_test_sandbox",
            "STRIPE_WEBHOOK_SECRET": "whsec_" + derived(secret, "stripe webhook"),
            "STRIPE_API_BASE": chosen.get("stripe_url", f"http://127.0.0.1:{PORT + 1}"),
        }
    if "EASYBILL_API_KEY" not in given:
        easybill_url = chosen.get("easybill_url", f"http://127.0.0.1:{PORT + 2}")
        defaults |= {
            "EASYBILL_API_KEY": "easybill-sandbox",
            "EASYBILL_API_BASE": f"{easybill_url}/rest/v1",
            "EASYBILL_CALLS_PER_MINUTE": "6000",  # a demo is played in a minute
        }
    return defaults


def database_url(var: Path) -> str:
    """Return the address of the demo's own database."""
    return f"sqlite:///{var.absolute() / 'portal.sqlite'}"


def _settings_of_the_demo() -> dict[str, str]:
    """Return the seller of the demo."""
    settings: dict[str, str] = json.loads(Path(__file__).with_suffix(".json").read_text())
    return settings


def _chosen_by_make_run(var: Path) -> dict[str, str]:
    path = var / "demo.json"
    if not path.exists():
        return {}
    chosen: dict[str, str] = json.loads(path.read_text())
    return chosen


def demo_secret(var: Path) -> str:
    """Return the demo's own secret, made at its first start."""
    path = var / "secret"
    if not path.exists():
        var.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32))
        try:
            os.link(fresh, path)  # the first of several starters wins, and the file is never half written
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text()


def derived(secret: str, purpose: str) -> str:
    """Return a secret of its own for one purpose."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()
