"""The fields of a new token, in a form or as JSON."""

import datetime as dt
from dataclasses import dataclass

from wtforms import BooleanField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from portal.domain.numbers import whole_of
from portal.tokens.actions import NAME_LENGTH_MAX
from portal.tokens.schema import TokenToMake
from portal.web.args import date_from
from portal.web.bodies import body_of
from portal.web.forms import StrictForm

_LASTS = [
    SelectChoice("30", "30 days"),
    SelectChoice("90", "90 days"),
    SelectChoice("365", "A year"),
    SelectChoice("", "Until it is revoked"),
]


@dataclass(frozen=True, slots=True)
class NewToken:
    """The fields of a token to make."""

    name: str
    expires_at: dt.datetime | None
    is_read_only: bool


class TokenForm(StrictForm):
    """A name, how long it lasts, and whether it can only read."""

    name = StringField("What it is for", validators=[InputRequired(), Length(max=NAME_LENGTH_MAX)])
    lasts = SelectField("Lasts", choices=_LASTS, default="365")
    read_only = BooleanField("It can only read")

    def new_token(self, now: dt.datetime) -> NewToken:
        days = self.lasts.data
        expires_at = now + dt.timedelta(days=whole_of(days, digits=3)) if days else None
        return NewToken(self.name.data, expires_at, self.read_only.data)


def token_of_body() -> NewToken:
    """Read {"name": "…", "expires_on": "2027-01-31", "read_only": true}; only the name is needed."""
    body = body_of(TokenToMake)
    return NewToken(body.name, _midnight(body.expires_on), bool(body.read_only))


def _midnight(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    return dt.datetime.combine(date_from(text, "expires_on"), dt.time(), dt.UTC)
