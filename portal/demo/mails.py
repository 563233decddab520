"""The demo's mails: nothing leaves it, so they are read here. Not there when mail is sent for real."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from flask import Blueprint, Flask

from portal.access.auth import PUBLIC, Policy
from portal.gateways.mail import Mail, MailFolder
from portal.services import mail
from portal.web.renders import renders

bp = Blueprint("mails", __name__)


def show_mails(app: Flask) -> Flask:
    """Return the portal with a page of its mails, where it keeps them in a folder."""
    if app.extensions["portal.settings"].mail.url is None:
        app.register_blueprint(bp)
    return app


@dataclass(frozen=True, slots=True)
class MailPage:
    """The latest mails, the newest first."""

    mails: Sequence[Mail]


@bp.get("/demo/mails")
@Policy(PUBLIC)
@renders("mails/index.html")
def index() -> MailPage:
    return MailPage(cast("MailFolder", mail()).sent())
