"""The operator's commands, thin: each strings together what the rooms offer."""

from __future__ import annotations

from flask import Flask

from portal.cli import backup, billing, catalogue, delivery, directory, stripe, usage

_ADDED_TO_BILLING = (backup, delivery)  # importing them adds their commands


def init_app(app: Flask) -> None:
    for each in (usage, billing, directory, catalogue, stripe):
        app.cli.add_command(each.group)
