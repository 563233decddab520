"""The forms of signing in."""

from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from portal.access.passwords import LENGTH_MAX
from portal.web.forms import StrictForm

_LOGIN = (InputRequired(), Length(max=254))
_PASSWORD = (InputRequired(), Length(max=LENGTH_MAX))


class SignInForm(StrictForm):
    """E-mail address and password."""

    login = StringField("E-mail address", validators=_LOGIN)
    password = PasswordField("Password", validators=_PASSWORD)


class ConfirmForm(StrictForm):
    """The password again."""

    password = PasswordField("Password", validators=_PASSWORD)


class ForgotForm(StrictForm):
    """Whose password was forgotten."""

    login = StringField("E-mail address", validators=_LOGIN)


class ResetForm(StrictForm):
    """The code of the mail, and the new password."""

    code = StringField("Code from the mail", validators=[InputRequired(), Length(max=100)])
    password = PasswordField("New password", validators=_PASSWORD)
