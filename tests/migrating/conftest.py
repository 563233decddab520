"""One more migration after ours, in a copy of their folder."""

import shutil

import pytest

from portal.config import ROOT
from tests.upgrade.releases import migrations, revisions


@pytest.fixture
def one_more(tmp_path):
    """Return the folder of the migrations with one more, whose `upgrade` does what it is given."""

    def made(upgrade: str) -> str:
        directory = shutil.copytree(ROOT / "migrations", tmp_path / "migrations", dirs_exist_ok=True)
        (directory / "versions" / "9999_one_more.py").write_text(
            "from alembic import op\nfrom portal import migrating\n"
            f"revision, down_revision = '9999', '{revisions(migrations())[-1]}'\n"
            f"def upgrade(): {upgrade}\n"
        )
        return str(directory)

    return made
