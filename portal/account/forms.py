"""Forms of a person's own account."""

from wtforms import PasswordField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from portal.access.passwords import LENGTH_MAX
from portal.web.forms import StrictForm

THEMES = [
    SelectChoice("system", "As my device"),
    SelectChoice("light", "Light"),
    SelectChoice("dark", "Dark"),
]


class ThemeForm(StrictForm):
    """Light, dark, or what the device says."""

    theme = RadioField("Appearance", choices=THEMES)


class PasswordForm(StrictForm):
    """The password as it is, and as it shall be."""

    current = PasswordField("Your password now", validators=[InputRequired(), Length(max=LENGTH_MAX)])
    new = PasswordField("New password", validators=[InputRequired(), Length(max=LENGTH_MAX)])
