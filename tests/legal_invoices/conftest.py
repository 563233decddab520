import pytest

from tests.delivery.rows import Easybill


@pytest.fixture
def easybill(sandboxes) -> Easybill:
    return Easybill(f"{sandboxes.easybill_url}/rest/v1")
