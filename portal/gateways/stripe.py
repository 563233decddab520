"""Every call to Stripe, in our words. No Stripe object or exception leaves this file, and no card enters it.

Errors are described in stripe_client; ConflictError comes from here: a method that was used,
detached, or is another customer's.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, TypeVar

from portal.domain import errors
from portal.domain.strict_json import refuse_odd_text
from portal.gateways import stripe_shapes as shapes
from portal.gateways.observing import CallObserver
from portal.gateways.stripe_client import StripeApi
from portal.gateways.stripe_shapes import CustomerMethods, Event, Mandate, Method, NewCustomer, Setup

_OFFERED_TYPES = ("card", "sepa_debit")
_PAGE_SIZE = 100  # the largest that Stripe gives
_PAGES_MAX = 200
_CLOCKS_DIFFER = dt.timedelta(minutes=5)
_NO_EVENT = (ValueError, AttributeError, KeyError, TypeError, RecursionError)
_USED_UP = "This payment method cannot be used: it was used or removed before. Please add it anew."


Thing = TypeVar("Thing")


class StripeGateway:
    """Stripe, with a deadline on every call."""

    def __init__(
        self,
        secret_key: str,
        api_base: str,
        deadline_milliseconds: int,
        *,
        observer: CallObserver | None = None,
    ) -> None:
        self.is_live = secret_key.startswith(("sk_live_", "rk_live_"))
        self.deadline = dt.timedelta(milliseconds=deadline_milliseconds)
        self._api = StripeApi(secret_key, api_base, deadline_milliseconds, observer or CallObserver())

    @property
    def is_answering(self) -> bool:
        """Tell whether Stripe answered lately, as far as this process has asked."""
        return self._api.is_answering

    def deadline_scope(self) -> AbstractContextManager[None]:
        """Give all calls inside one deadline together."""
        return self._api.deadline_scope()

    def create_customer(self, customer: NewCustomer, idempotency_key: str) -> str:
        """Return the id of the customer, made at the first call with this key."""
        metadata = {"organization": customer.key, "customer_number": customer.number}
        facts: Any = {"name": customer.name, "metadata": metadata}
        if customer.email:
            facts["email"] = customer.email
        options: Any = {"idempotency_key": idempotency_key}
        return self._api.ask("create_customer", lambda api: api.v1.customers.create(facts, options).id)

    def find_customer(self, key: str, *, since: dt.datetime) -> str | None:
        """Return the customer that was made for this organization since then."""
        filters = _since(since - _CLOCKS_DIFFER)
        customers = self._listed(
            "find_customer",
            lambda api, more: api.v1.customers.list(filters | more),
            lambda each: (each.metadata.to_dict().get("organization"), str(each.id)),
        )
        return next((customer_id for organization, customer_id in customers if organization == key), None)

    def begin_setup(self, customer_id: str, idempotency_key: str | None = None) -> str:
        """Return the client secret with which a browser adds one payment method. It is kept nowhere."""
        facts: Any = {
            "customer": customer_id,
            "usage": "off_session",
            "allowed_payment_method_types": list(_OFFERED_TYPES),
        }
        options: Any = {}
        if idempotency_key:
            facts["metadata"] = {"request": idempotency_key}
            options["idempotency_key"] = idempotency_key
        secret = self._api.ask(
            "begin_setup", lambda api: api.v1.setup_intents.create(facts, options).client_secret
        )
        assert secret is not None, "a new set-up intent has a client secret"
        return secret

    def find_setup(self, customer_id: str, idempotency_key: str) -> str | None:
        """Return the client secret of the set-up that was begun with this key."""
        setups = self._listed(
            "find_setup",
            lambda api, more: api.v1.setup_intents.list({"customer": customer_id} | more),
            lambda each: (each.metadata.to_dict().get("request"), str(each.client_secret)),
        )
        return next((secret for request, secret in setups if request == idempotency_key), None)

    def setup_of(self, setup_id: str) -> Setup:
        """Return the set-up of a payment method, with its status."""
        options: Any = {"expand": ["payment_method", "mandate"]}
        return self._api.ask(
            "setup_of",
            lambda api: shapes.setup_from(api.v1.setup_intents.retrieve(setup_id, options)),
            missing="set-up",
        )

    def methods_of(self, customer_id: str) -> CustomerMethods:
        """Return every payment method of a customer, and the default's id."""
        customer = self._api.ask(
            "customer_of",
            lambda api: shapes.customer_from(api.v1.customers.retrieve(customer_id)),
            missing="customer",
        )
        if customer.is_deleted:
            return customer
        methods = self._listed(
            "methods_of",
            lambda api, more: api.v1.customers.payment_methods.list(customer_id, more),
            shapes.method_from,
        )
        return replace(customer, methods=tuple(methods))

    def method_of(self, method_id: str) -> Method:
        return self._api.ask(
            "method_of", lambda api: shapes.method_from(api.v1.payment_methods.retrieve(method_id))
        )

    def mandate_of(self, customer_id: str, method_id: str) -> Mandate | None:
        """Return the mandate that a method was last set up with."""
        filters: Any = {"customer": customer_id, "payment_method": method_id, "expand": ["data.mandate"]}
        mandates = self._listed(
            "mandate_of",
            lambda api, more: api.v1.setup_intents.list(filters | more),
            lambda each: shapes.mandate_from(each.mandate),
        )
        return next((each for each in mandates if each is not None), None)

    def customer_of_mandate(self, mandate_id: str) -> str | None:
        """Return the customer's id of a mandate; None when its method is detached."""
        options: Any = {"expand": ["payment_method"]}
        return self._api.ask(
            "customer_of_mandate",
            lambda api: shapes.method_from(api.v1.mandates.retrieve(mandate_id, options).payment_method),
            missing="mandate",
        ).customer_id

    def attach(self, *, customer_id: str, method_id: str) -> Method:
        """Attach a method to a customer; a method that is attached already is returned as it is.

        NotFoundError if there is none or it is another customer's, which is not told apart;
        PaymentFailedError if the bank declines it, ConflictError if it was used or detached before.
        """
        try:
            return self._api.ask(
                "attach",
                lambda api: shapes.method_from(
                    api.v1.payment_methods.attach(method_id, {"customer": customer_id})
                ),
                is_repeatable=False,
            )
        except errors.ProviderRefusedError:
            method = self.method_of(method_id)
        if method.customer_id is None:
            raise errors.ConflictError(_USED_UP)
        if method.customer_id != customer_id:
            raise errors.NotFoundError
        return method

    def make_default(self, *, customer_id: str, method_id: str) -> None:
        """Make a customer's method the default; NotFoundError for the method of another."""
        chosen: Any = {"invoice_settings": {"default_payment_method": method_id}}
        self._api.ask(
            "make_default", lambda api: api.v1.customers.update(customer_id, chosen), is_repeatable=False
        )

    def detach(self, method_id: str) -> None:
        """Detach a method from its customer, for good; a method that is gone already is no error."""
        try:
            self._api.ask("detach", lambda api: api.v1.payment_methods.detach(method_id), is_repeatable=False)
        except errors.NotFoundError:
            return
        except errors.ProviderRefusedError:
            if self.method_of(method_id).customer_id is not None:
                raise

    def event_from(self, payload: bytes, signature: str, secret: str) -> Event | None:
        """Return the event, or None if it is unreadable or not signed by Stripe in the last five minutes."""
        from stripe import SignatureVerificationError, Webhook  # noqa: PLC0415 - see stripe_client

        if not signature.isascii():
            return None  # the package cannot compare it
        try:
            event = shapes.event_from(Webhook.construct_event(payload, signature, secret))
            refuse_odd_text([event.id, event.type, event.object_id, event.customer_id])
        except (*_NO_EVENT, SignatureVerificationError):
            return None  # forged, or no event at all
        return event

    def events_since(self, since: dt.datetime, types: Collection[str]) -> Iterator[Event]:
        """Yield the events since then, the newest first; Stripe keeps thirty days."""
        filters: Any = _since(since) | {"types": sorted(types)}
        return self._listed(
            "events_since", lambda api, more: api.v1.events.list(filters | more), shapes.event_from
        )

    def _listed(
        self, operation: str, listed: Callable[[Any, Any], Any], read: Callable[[Any], Thing]
    ) -> Iterator[Thing]:
        """Yield what is in a list, page by page, each asked for in a call of its own."""
        more: dict[str, Any] = {"limit": _PAGE_SIZE}

        def page(api: Any) -> tuple[list[Thing], str | None]:
            found = listed(api, more)
            last_id = found.data[-1].id if found.has_more else None
            return [read(each) for each in found.data], last_id

        for _ in range(_PAGES_MAX):
            things, last_id = self._api.ask(operation, page, missing="customer")
            yield from things
            if last_id is None:
                return
            more["starting_after"] = last_id
        raise errors.ProviderRefusedError("A list at Stripe has no end.")


def _since(at: dt.datetime) -> dict[str, Any]:
    return {"created": {"gte": int(at.timestamp())}}
