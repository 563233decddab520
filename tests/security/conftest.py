"""Two tenants to attack from."""

import pytest

from portal.storage import db
from tests.security import world
from tests.security.world import Tenant


@pytest.fixture
def tenants(app, sandboxes) -> tuple[Tenant, Tenant]:
    """Two organizations that have one of everything; every word of each is its own."""
    both = world.build("ours", sandboxes.stripe_url), world.build("theirs", sandboxes.stripe_url)
    db.session.commit()
    return both
