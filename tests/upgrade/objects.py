"""`python -m tests.upgrade.objects`: writes what the migrations make into `portal/migrating/objects.json`."""

import json
import sys
import tempfile
from pathlib import Path

import flask_migrate

from portal.app import create_app
from portal.migrating.comparison import EXPECTED
from portal.migrating.objects import Objects, objects_of
from portal.storage import db
from tests.postgres import throw_away_postgres
from tests.settings import NOWHERE, make_settings
from tests.upgrade.releases import migrations


def made_on(url: str, home: Path) -> Objects:
    with create_app(make_settings(url, NOWHERE, home)).app_context():
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            made = objects_of(connection)
        db.engine.dispose()
    return made


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, throw_away_postgres() as url:
        home = Path(folder)
        made = {
            "head": migrations().get_current_head(),
            "postgresql": made_on(url, home),
            "sqlite": made_on(f"sqlite:///{home}/portal.sqlite", home),
        }
    EXPECTED.write_text(json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
