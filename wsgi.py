"""The WSGI application: `flask --app wsgi …` and the production server start here."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from flask import Flask
from flask.cli import FlaskGroup

from portal import cli
from portal.config import Environment, from_environment
from portal.config.seller import SettingsError


def _defaults_of_the_demo(given: Mapping[str, str], var: Path) -> dict[str, str]:
    """Return what the demo chooses: production never asks, and is installed without it."""
    from portal.demo import settings as demo  # noqa: PLC0415

    return demo.defaults(given, var)


os.umask(0o077)  # what we write, such as a database or a backup, is ours alone
try:
    settings = from_environment(demo=_defaults_of_the_demo)
except SettingsError as error:
    sys.exit(f"The portal cannot start: {error}")


def make_app() -> Flask:
    """Import and assemble the portal, as a process that serves or runs a command needs it."""
    from portal.app import calm_collector, create_app  # noqa: PLC0415 -- a list of commands needs no portal
    from portal.web import log  # noqa: PLC0415

    log.configure(settings.log_level)
    portal = create_app(settings)
    if settings.environment is Environment.DEMO:
        from portal.demo.mails import show_mails  # noqa: PLC0415

        show_mails(portal)
    calm_collector()
    return portal


def _only_lists_commands() -> bool:
    """`flask` first asks for the names of our commands; its own commands, and a server, ask for the app."""
    context = click.get_current_context(silent=True)
    return context is not None and isinstance(context.command, FlaskGroup)


app = cli.listing(make_app) if _only_lists_commands() else make_app()
