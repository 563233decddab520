"""Shows the mails that the demo would have sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from flask import Blueprint

from portal.access.auth import PUBLIC, policy
from portal.gateways.mail import Mail, MailFolder
from portal.services import mail
from portal.web.renders import renders

bp = Blueprint("mails", __name__)


@dataclass(frozen=True, slots=True)
class MailPage:
    """The latest mails, the newest first."""

    mails: Sequence[Mail]


@bp.get("/demo/mails")
@policy(PUBLIC)
@renders("mails/index.html")
def index() -> MailPage:
    return MailPage(cast("MailFolder", mail()).sent())
