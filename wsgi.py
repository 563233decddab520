"""The WSGI application: `flask --app wsgi …` and the production server start here."""

import sys

from portal.app import create_app
from portal.config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"The portal cannot start: {error}")
