"""Settings of the app, for one test."""

import dataclasses

import pytest


@pytest.fixture
def settings(app, monkeypatch):
    """Change the settings of the app for a test."""

    def change(**values):
        changed = dataclasses.replace(app.extensions["portal.settings"], **values)
        monkeypatch.setitem(app.extensions, "portal.settings", changed)

    return change
