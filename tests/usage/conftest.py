from dataclasses import dataclass
from decimal import Decimal

import pytest

from portal.ledger import catalogue
from portal.models import Organization, Product, Project, Subscription
from portal.storage import db
from tests.factories import JANUARY, make_product, make_project, make_subscription, use, use_all_hours


@dataclass(frozen=True)
class History:
    """What Acme used in January: two projects and the organization itself, and one price that changed."""

    organization: Organization
    production: Project
    staging: Project
    vm: Product
    storage: Product
    support: Product
    vm_subscription: Subscription


@pytest.fixture
def history(acme) -> History:
    production, staging = make_project(acme, "production"), make_project(acme, "staging")
    vm = make_product("vm.medium", "0.00694")
    storage, support = make_product("storage", "0.1", unit="GB"), make_product("support", "0.0685")
    vm_subscription = make_subscription(acme, vm, production)
    use_all_hours(vm_subscription, JANUARY)
    stored = {JANUARY.start_hour + each * 7: f"{each}.0333333" for each in range(1, 60)}
    use(make_subscription(acme, storage, production), stored)
    use(make_subscription(acme, storage, staging), stored)
    use_all_hours(make_subscription(acme, support), JANUARY)
    return History(acme, production, staging, vm, storage, support, vm_subscription)


@pytest.fixture
def cheaper(history) -> History:
    """From 11 January on a server costs less."""
    catalogue.set_price(history.vm, "EUR", Decimal("0.005"), start_day=JANUARY.start_day + 10)
    db.session.commit()
    return history
