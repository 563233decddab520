"""New code on the previous release's schema reads its rows: no SELECT of a row asks for a column it lacks."""

import flask_migrate
import pytest
from sqlalchemy.orm import ColumnProperty

from portal.storage import Model, db
from tests.upgrade.releases import releases
from tests.upgrade.schema import schema_of


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
def test_a_column_that_the_previous_release_lacks_is_deferred(fresh):
    flask_migrate.upgrade(revision=releases()[-1].head)
    with db.engine.connect() as connection:
        released = schema_of(connection)
    eager = [
        f"{mapper.local_table.name}.{attribute.columns[0].name}"
        for mapper in Model.registry.mappers
        for attribute in mapper.attrs
        if isinstance(attribute, ColumnProperty)
        and (table := released.get(attribute.columns[0].table.name))
        and attribute.columns[0].name not in table.columns
        and not attribute.deferred
    ]
    assert eager == [], "map it with deferred=True until the next release: CONTRIBUTING.md, Migrations"
