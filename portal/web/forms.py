"""Forms: the page that shows one, with the status of a rejected one."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from flask_wtf import FlaskForm

from portal.domain.errors import ValidationError


@dataclass(frozen=True, slots=True)
class FormPage:
    """A page that is one form."""

    form: FlaskForm

    @property
    def http_status(self) -> HTTPStatus:
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.form.errors else HTTPStatus.OK


def say(form: FlaskForm, error: ValidationError) -> None:
    """Put what an action refused beside the fields that it is about."""
    for name, reasons in error.fields.items():
        form[name].errors = [f"This {reason}." for reason in reasons]
