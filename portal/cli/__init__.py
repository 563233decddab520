"""The operator's commands, thin: each strings together what the rooms offer."""

from __future__ import annotations

from flask import Flask

from portal.cli import billing, catalogue, directory, stripe, usage


def init_app(app: Flask) -> None:
    for each in (usage, billing, directory, catalogue, stripe):
        app.cli.add_command(each.group)
