"""Forms: the page that shows one, with the status of a rejected one; and nothing but what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import request
from flask_wtf import FlaskForm

from portal.domain.errors import ValidationError
from portal.web.json import json_body

_CSRF_TOKEN = "csrf_token"  # noqa: S105 -- the name of a field


class StrictForm(FlaskForm):  # type: ignore[misc]
    """A form that accepts its own fields and no others: whoever adds one finds out."""

    def validate(self, extra_validators: Any = None) -> bool:
        unknown = sorted(set(request.form) - set(self._fields) - {_CSRF_TOKEN})
        if unknown:
            raise ValidationError({name: ["is not known here"] for name in unknown})
        return bool(super().validate(extra_validators))


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


def refuse_fields() -> None:
    """Accept a form with its CSRF token alone, no body, or an empty JSON object."""
    unknown = sorted(set(request.form) - {_CSRF_TOKEN})
    if unknown:
        raise ValidationError({name: ["is not known here"] for name in unknown})
    if not request.form and request.get_data():
        json_body()
