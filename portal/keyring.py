"""The keys that vouch for the audit trail and for backups. The database has none of them."""

from typing import cast

from flask import Flask, current_app

from portal.domain.keys import Keys

_NAME = "portal.audit_keys"  # in the extensions of the app


def init_app(app: Flask, keys: Keys) -> None:
    app.extensions[_NAME] = keys


def audit_keys() -> Keys:
    return cast("Keys", current_app.extensions[_NAME])
