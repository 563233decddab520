"""The operator's commands, thin: each strings together what the rooms offer.

To list them imports none of them: a group is imported when it is called.
"""

from collections.abc import Callable

from flask import Flask

from portal.cli.lazy import MAKE_APP, LazyCommand, LazyGroup

GROUPS = (
    LazyGroup("usage", "Bring usage in."),
    LazyGroup(
        "billing",
        "Close months, have their legal documents made, and prove them.",
        more=(
            "portal.cli.audit_trail",
            "portal.cli.backup",
            "portal.cli.clock",
            "portal.cli.delivery",
            "portal.cli.health",
        ),
    ),
    LazyGroup("directory", "Organizations, accounts, memberships, API tokens and collectors."),
    LazyGroup("catalogue", "Products, prices and subscriptions."),
    LazyGroup("stripe", "Process the events of Stripe, and fetch those that did not arrive."),
    LazyGroup("db", "Perform database migrations.", target="flask_migrate.cli:db"),
)
SERVE = LazyCommand(
    "serve",
    "Serve the portal in several processes until a signal comes; then answer what has begun, and end.",
    target="portal.serving.command:serve",
)


def init_app(app: Flask) -> None:
    for command in (*GROUPS, SERVE):
        app.cli.add_command(command)


def listing(make_app: Callable[[], Flask]) -> Flask:
    """Return an app that has nothing but the names of commands; one that is called runs in `make_app()`."""
    app = Flask("portal")
    app.extensions[MAKE_APP] = make_app
    init_app(app)
    return app
