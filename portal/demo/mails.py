"""The demo's mails: nothing leaves it, so they are read here. Not there when mail is sent for real."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import cast
from uuid import uuid4

from flask import Blueprint, Flask

from portal.access.auth import PUBLIC, Policy
from portal.gateways.mail import Mail, message_of
from portal.services import mail
from portal.timekeeping.clocks import utc_now
from portal.web.renders import renders

bp = Blueprint("mails", __name__)
_SHOWN_MAX = 50


class MailFolder:
    """Keeps messages as files: nothing leaves the demo."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, mail: Mail) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f"{uuid4()}.new"
        fresh.touch(mode=0o600)
        fresh.write_bytes(bytes(message_of(mail, "portal@localhost", at=utc_now())))
        fresh.rename(fresh.with_suffix(".eml"))

    def sent(self) -> Sequence[Mail]:
        """Return the latest messages, the newest first."""
        files = sorted(self._folder.glob("*.eml"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
        return [_mail_in(each) for each in files[:_SHOWN_MAX]]


def show_mails(app: Flask) -> Flask:
    """Return the portal with its mails in a folder and on a page, where no mail server is named."""
    settings = app.extensions["portal.settings"]
    if settings.mail.url is None:
        providers = app.extensions["portal.providers"]
        app.extensions["portal.providers"] = replace(providers, mail=MailFolder(settings.var / "mails"))
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


def _mail_in(path: Path) -> Mail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    return Mail(str(message["To"]), str(message["Subject"]), str(message.get_content()))
