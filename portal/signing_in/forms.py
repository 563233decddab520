"""What a person types to get in."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from portal.web.passwords import LENGTH_MAX

_LOGIN = (InputRequired(), Length(max=254))
_PASSWORD = (InputRequired(), Length(max=LENGTH_MAX))


class SignInForm(FlaskForm):  # type: ignore[misc]
    """E-mail address and password."""

    login = StringField("E-mail address", validators=_LOGIN)
    password = PasswordField("Password", validators=_PASSWORD)


class ConfirmForm(FlaskForm):  # type: ignore[misc]
    """The password again."""

    password = PasswordField("Password", validators=_PASSWORD)


class ForgotForm(FlaskForm):  # type: ignore[misc]
    """Whose password was forgotten."""

    login = StringField("E-mail address", validators=_LOGIN)


class ResetForm(FlaskForm):  # type: ignore[misc]
    """The code of the mail, and the new password."""

    code = StringField("Code from the mail", validators=[InputRequired(), Length(max=100)])
    password = PasswordField("New password", validators=_PASSWORD)
