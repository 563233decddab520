"""The WSGI application: `flask --app wsgi …` and the production server start here."""

import sys

from portal.app import calm_collector, create_app
from portal.config import SettingsError, from_environment
from portal.web import log

try:
    settings = from_environment()
except SettingsError as error:
    sys.exit(f"The portal cannot start: {error}")

log.configure(settings.log_level)
app = create_app(settings)
calm_collector()
