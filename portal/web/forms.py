"""Forms: the page of a form, with the status of a rejected one; unknown fields are refused."""

from dataclasses import dataclass, field
from http import HTTPStatus

from flask import request
from flask_wtf import FlaskForm
from werkzeug.exceptions import UnsupportedMediaType
from wtforms import FieldList

from portal.domain.errors import ValidationError
from portal.web.bodies import Nothing, body_of
from portal.web.transaction import SAFE_METHODS

_CSRF_TOKEN = "csrf_token"  # noqa: S105 -- the name of a field


class StrictForm(FlaskForm):  # type: ignore[misc]
    """A form that accepts its own fields and no others: an unknown field is an error.

    It is filled from a form alone: Flask-WTF takes JSON too, past our strict reading of that.
    """

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        def wrap_formdata(self, form: FlaskForm, formdata: object) -> object:
            if request.is_json and request.method not in SAFE_METHODS:
                raise UnsupportedMediaType("This is a form: send it as one.")
            return super().wrap_formdata(form, formdata)

    def validate(self, extra_validators: object = None) -> bool:
        self.refuse_others()
        return bool(super().validate(extra_validators))

    def refuse_others(self) -> None:
        """Raise ValidationError for fields that this form does not have."""
        lists = [field for field in self if isinstance(field, FieldList)]
        _refuse(set(self._fields) | {entry.name for field in lists for entry in field})


@dataclass(frozen=True, slots=True)
class FormPage:
    """A page that is one form; `is_refused` where all of it was no use, for any reason."""

    form: FlaskForm
    is_refused: bool = field(default=False, kw_only=True)

    @property
    def http_status(self) -> HTTPStatus:
        is_wrong = self.is_refused or self.form.errors
        return HTTPStatus.UNPROCESSABLE_ENTITY if is_wrong else HTTPStatus.OK


def say(form: FlaskForm, error: ValidationError) -> None:
    """Put what an action refused beside the fields that it is about."""
    for name, reasons in error.fields.items():
        form[name].errors = [f"This {reason}." for reason in reasons]


def refuse_fields(*known: str) -> None:
    """Accept a form with its CSRF token and these fields alone, no body, or an empty JSON object."""
    _refuse(set(known))
    if not request.form and request.get_data():
        body_of(Nothing)


def _refuse(known: set[str]) -> None:
    unknown = sorted({*request.form, *request.files} - known - {_CSRF_TOKEN})
    if unknown:
        raise ValidationError({name: ["is not known here"] for name in unknown})
