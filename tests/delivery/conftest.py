import pytest

from tests.delivery.accounts import Account, EasybillAccount, MemoryAccount
from tests.delivery.rows import Easybill


@pytest.fixture
def easybill(sandboxes) -> Easybill:
    return Easybill(f"{sandboxes.easybill_url}/rest/v1")


@pytest.fixture(params=["EasyBill", "memory"])
def account(request) -> Account:
    """An account at each provider: our behaviour must be the same at both."""
    if request.param == "memory":
        return MemoryAccount()
    return EasybillAccount(request.getfixturevalue("easybill"))
