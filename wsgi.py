"""The WSGI application: `flask --app wsgi …` and the production server start here."""

import os
import sys

from portal.app import calm_collector, create_app
from portal.config import SettingsError, from_environment
from portal.web import log

os.umask(0o077)  # what we write, such as a database or a backup, is ours alone
try:
    settings = from_environment()
except SettingsError as error:
    sys.exit(f"The portal cannot start: {error}")

log.configure(settings.log_level)
app = create_app(settings)
calm_collector()
