"""Delivers events, signed as Stripe signs them, and again later while an endpoint does not take them."""

import hashlib
import hmac
import json
import threading
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from portal.sandbox.stripe.objects import new_webhook_endpoint
from portal.sandbox.stripe.parameters import web_address
from portal.sandbox.stripe.store import Delivery, Object, Store

TIMEOUT_SECONDS = 10
CONFIGURED_ENDPOINT = "we_configured"


class Courier:
    """One thread for all endpoints; what is still to be delivered is in the store and survives a restart."""

    def __init__(self, store: Store, retry_delays: tuple[float, ...]) -> None:
        self._store = store
        self._retry_delays = retry_delays
        self._woken = threading.Event()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="stripe-sandbox-webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._is_stopped = True
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_stopped:
            self._woken.clear()
            delivery = self._store.next_delivery()
            wait_seconds = None if delivery is None else delivery.due_at - time.time()
            if delivery is None or (wait_seconds is not None and wait_seconds > 0):
                self._woken.wait(wait_seconds)
            else:
                self._deliver(delivery)

    def _deliver(self, delivery: Delivery) -> None:
        event = self._store.find("event", delivery.event_id)
        endpoint = self._store.find("webhook_endpoint", delivery.endpoint_id)
        is_last = delivery.attempt_count >= len(self._retry_delays)
        if event is None or endpoint is None or _is_taken(event, endpoint) or is_last:
            self._store.end_delivery(delivery.id)
        else:
            delay = self._retry_delays[delivery.attempt_count]
            self._store.postpone_delivery(delivery.id, time.time() + delay)


def configure_endpoint(store: Store, url: str | None, secret: str | None) -> None:
    """The endpoint named at start-up takes the place of the one named at an earlier start."""
    with store.transaction():
        store.remove(CONFIGURED_ENDPOINT)
        if url and secret:
            endpoint = new_webhook_endpoint(
                created=int(time.time()), url=web_address(url, "url"), enabled_events=["*"], secret=secret
            )
            store.save(endpoint | {"id": CONFIGURED_ENDPOINT})


def signature_of(payload: bytes, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header of a payload."""
    signed = str(timestamp).encode() + b"." + payload
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def _is_taken(event: Object, endpoint: Object) -> bool:
    """Any answer but 2xx, a redirect too, counts as not taken."""
    payload = json.dumps(event, indent=2).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature_of(payload, endpoint["secret"], int(time.time())),
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks) sandbox",
    }
    address = urlsplit(endpoint["url"])
    connect = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = connect(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
    path = f"{address.path or '/'}{'?' + address.query if address.query else ''}"
    try:
        connection.request("POST", path, payload, headers)
        return 200 <= connection.getresponse().status < 300
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()
