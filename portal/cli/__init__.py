"""The operator's commands, thin: each strings together what the rooms offer.

To list them imports none of them: a group is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from portal.cli.lazy import MAKE_APP, LazyGroup

# The help is the group's own, said again: a test holds the two equal.
GROUPS = (
    LazyGroup("usage", "portal.cli.usage:group", "Bring usage in."),
    LazyGroup(
        "billing",
        "portal.cli.billing:group",
        "Close months, have their legal documents made, and prove them.",
        more=("portal.cli.backup", "portal.cli.delivery"),
    ),
    LazyGroup(
        "directory",
        "portal.cli.directory:group",
        "Organizations, accounts, memberships, API tokens and collectors.",
    ),
    LazyGroup("catalogue", "portal.cli.catalogue:group", "Products, prices and subscriptions."),
    LazyGroup(
        "stripe",
        "portal.cli.stripe:group",
        "Process the events of Stripe, and fetch those that did not arrive.",
    ),
    LazyGroup("db", "flask_migrate.cli:db", "Perform database migrations."),
)


def init_app(app: Flask) -> None:
    for group in GROUPS:
        app.cli.add_command(group)


def listing(make_app: Callable[[], Flask]) -> Flask:
    """Return an app that has nothing but the names of commands; one that is called runs in `make_app()`."""
    app = Flask("portal")
    app.extensions[MAKE_APP] = make_app
    init_app(app)
    return app
