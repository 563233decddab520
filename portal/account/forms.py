"""What a person may type about themselves."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import PasswordField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from portal.web.passwords import LENGTH_MAX

THEMES = [
    SelectChoice("system", "As my device"),
    SelectChoice("light", "Light"),
    SelectChoice("dark", "Dark"),
]


class SignInForm(FlaskForm):  # type: ignore[misc]
    """E-mail address and password."""

    login = StringField("E-mail address", validators=[InputRequired(), Length(max=254)])
    password = PasswordField("Password", validators=[InputRequired(), Length(max=LENGTH_MAX)])


class ThemeForm(FlaskForm):  # type: ignore[misc]
    """Light, dark, or what the device says."""

    theme = RadioField("Appearance", choices=THEMES)
