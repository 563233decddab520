"""The arguments of commands, and the one sentence with which a wrong one is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError, ProgrammingError

from portal.domain.errors import BillingError, ValidationError
from portal.domain.period import hour_after, hour_of


class Commands(AppGroup):
    """Commands inside the app; an error of billing ends one with its sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BillingError as error:
            raise sentence(error) from error
        except (OperationalError, ProgrammingError) as error:  # no table, no column, no server
            raise click.ClickException(
                "The database does not answer, or is not up to date:"
                f" `flask --app wsgi db upgrade` brings it there, `make run` makes a demo. ({error.orig})"
            ) from error


def sentence(error: BillingError) -> click.ClickException:
    """Say what is wrong in one sentence."""
    if isinstance(error, ValidationError):
        problems = (f"{name} {', '.join(reasons)}" for name, reasons in error.fields.items())
        return click.ClickException("; ".join(problems))
    return click.ClickException(str(error))


class Instant(click.ParamType[dt.datetime]):
    """An ISO 8601 time with a zone."""

    name = "ISO time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        try:
            at = dt.datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value} is not an ISO 8601 time", param, ctx)
        return at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at.astimezone(dt.UTC)


class FullHour(Instant):
    """An ISO 8601 time at which an hour starts."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        at = super().convert(value, param, ctx)
        if hour_after(at) != hour_of(at):
            self.fail(f"{value} is not a full hour", param, ctx)
        return at


class Number(click.ParamType[Decimal]):
    """A decimal number."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            return Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value} is not a decimal number", param, ctx)


class Date(click.ParamType[dt.date]):
    """A UTC date."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        try:
            return dt.date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value} is not a date such as 2026-01-13", param, ctx)
