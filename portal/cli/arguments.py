"""The arguments of commands, the sentence with which a wrong one is refused, and an exit code for cron."""

import datetime as dt
from collections.abc import Callable, Sized
from typing import Any, TypeVar

import click
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError, ProgrammingError

from portal.domain.errors import BillingError, UnusableValueError, ValidationError
from portal.domain.instants import usable_date, usable_instant
from portal.domain.numbers import decimal_of
from portal.domain.period import hour_after, hour_of
from portal.domain.text_line import required_line

Value = TypeVar("Value")
_SOMETHING_WAITS = 4
_LINE_LENGTH_MAX = 200


class Commands(AppGroup):
    """Commands inside the app; an error of billing ends one with its sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BillingError as error:
            raise sentence(error) from error
        except UnicodeEncodeError as error:
            raise click.ClickException("An argument is no text in UTF-8.") from error
        except (OperationalError, ProgrammingError) as error:  # no table, no column, no server
            raise click.ClickException(
                "The database does not answer, or is not up to date:"
                f" `flask --app wsgi db upgrade` brings it there, `make run` makes a demo. ({error.orig})"
            ) from error


def exit_if_any(waiting: Sized) -> None:
    """End the command with an exit code of its own where something waits for a person."""
    if waiting:
        click.get_current_context().exit(_SOMETHING_WAITS)


def sentence(error: BillingError) -> click.ClickException:
    """Say what is wrong in one sentence."""
    if isinstance(error, ValidationError):
        problems = (f"{name} {', '.join(reasons)}" for name, reasons in error.fields.items())
        return click.ClickException("; ".join(problems))
    return click.ClickException(str(error))


class Parsed(click.ParamType[Value]):
    """A value as `parse` reads it from a text; `refusal` is said of a text that it does not read."""

    def __init__(self, name: str, parse: Callable[[str], Value], refusal: str) -> None:
        self.name, self._parse, self._refusal = name, parse, refusal

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        try:
            return self._parse(str(value))
        except UnusableValueError as error:
            self.fail(f"{value} {error}", param, ctx)
        except ValueError:
            self.fail(f"{value} {self._refusal}", param, ctx)


class FullHour(Parsed[dt.datetime]):
    """An instant at which an hour starts."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        at = super().convert(value, param, ctx)
        if hour_after(at) != hour_of(at):
            self.fail(f"{value} is not a full hour", param, ctx)
        return at


_OF_INSTANTS = ("ISO time", usable_instant, "is not an ISO 8601 time")
INSTANT, FULL_HOUR = Parsed(*_OF_INSTANTS), FullHour(*_OF_INSTANTS)
NUMBER = Parsed("number", decimal_of, "is not a decimal number, or has too many digits")
LINE = Parsed("text", lambda text: required_line(text, _LINE_LENGTH_MAX), "is not one line")
DATE = Parsed("date", usable_date, "is not a date such as 2026-01-13")
