"""EasyBill in eight kinds of trouble: deliveries wait, pages do not, and two runs later all is through."""

import dataclasses
import datetime as dt
import time

import pytest

from portal.delivery.sync import sync
from portal.domain.access import Preset
from portal.domain.errors import ProviderUnavailableError
from portal.gateways.easybill import EasybillGateway
from portal.models import Delivery
from tests.delivery.rows import KEY, make_customer, make_invoice
from tests.factories import FEBRUARY, NOW, make_member
from tests.gateways.test_easybill import answer, answering
from tests.months import deliver

LINES = [("production", "vm.medium", "744", "0.5")]
LATER = NOW + dt.timedelta(minutes=10)
BODY = b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"items": ['
MODES = {
    "says nothing": ([b""] * 100, 0.05),
    "drips its headers": ([b"HTTP/1.1 200 OK\r\nX-Drip: ", *[b" "] * 100], 0.05),
    "drips its body": ([BODY, *[b" "] * 100], 0.05),
    "hangs up at once": ([], 0.0),
    "hangs up in the middle": ([BODY], 0.0),
    "talks garbage": ([b"\x00\xff\x00 not HTTP at all\r\n\r\n"], 0.0),
    "shows a page of its proxy": ([answer("200 OK", b"<html>busy</html>")], 0.0),
    "is broken": ([answer("503 Service Unavailable")], 0.0),
}


@pytest.fixture(params=MODES)
def trouble(request):
    parts, pause_seconds = MODES[request.param]
    with answering(*parts, pause_seconds=pause_seconds) as base:
        yield EasybillGateway(KEY, base, deadline_seconds=1)


def test_pages_stay_up_while_easybill_fails_and_deliveries_are_made_good(app, sign_in, easybill, trouble):
    organization = make_customer()
    make_invoice(organization, *LINES)
    deliver(easybill.gateway, now=NOW)
    sync(easybill.gateway, now=NOW)
    waiting = make_invoice(organization, *LINES, month=FEBRUARY)

    started = time.monotonic()
    assert deliver(trouble, now=NOW).retry == 1
    with pytest.raises(ProviderUnavailableError):
        sync(trouble, now=NOW)
    assert time.monotonic() - started < 5
    assert (waiting.delivery, waiting.attempts) == (Delivery.PENDING, 1)

    viewer = sign_in(make_member(organization, Preset.VIEWER))
    providers = app.extensions["portal.providers"]
    app.extensions["portal.providers"] = dataclasses.replace(providers, invoicing=trouble)
    try:
        url = f"/organizations/{organization.uid}/invoices"
        for path in (url, f"{url}/{document_id(organization, easybill)}", "/invoices"):
            started = time.monotonic()
            assert viewer.get(path).status_code == 200
            assert time.monotonic() - started < 2.5
    finally:
        app.extensions["portal.providers"] = providers

    for cycle in range(2):
        deliver(easybill.gateway, now=LATER + cycle * dt.timedelta(minutes=1))
    assert waiting.delivery == Delivery.DELIVERED
    assert [each["is_draft"] for each in easybill.documents(organization)] == [False, False]


def document_id(organization, easybill):
    return easybill.documents(organization)[0]["id"]
