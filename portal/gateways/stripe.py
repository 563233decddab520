"""All we ask of Stripe, in our words. No Stripe object or exception leaves this file, and no card enters it.

What Stripe says becomes one of five errors: PaymentFailedError (the bank declined; Stripe's sentence for
the customer), NotFoundError (no such object, or another customer's), ConflictError (a used or detached
method), ProviderUnavailableError (no answer, or Stripe's own failure) and ProviderRefusedError (the rest).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from portal.domain import errors
from portal.gateways.deadline import Deadline
from portal.gateways.stripe_shapes import (
    Event,
    Method,
    NewCustomer,
    Setup,
    customer_told,
    default_from,
    method_from,
    setup_from,
)

if TYPE_CHECKING:
    from stripe import StripeClient, StripeError

log = logging.getLogger(__name__)

_CONNECT_SECONDS_MAX = 3.05
_RETRIES_MAX = 2
_OFFERED_TYPES = ("card", "sepa_debit")
_NO_SUCH_METHOD = "There is no such payment method."
_USED_UP = "This payment method was used or removed before and cannot be used again. Please add it anew."

Answer = TypeVar("Answer")


class StripeGateway:
    """Stripe, with a deadline on every call."""

    def __init__(self, secret_key: str, api_base: str, deadline_milliseconds: int) -> None:
        self.is_live = secret_key.startswith(("sk_live_", "rk_live_"))
        self._secret_key = secret_key
        self._api_base = api_base
        self._seconds_max = deadline_milliseconds / 1000
        self._deadline = Deadline("stripe", deadline_milliseconds)

    def create_customer(self, customer: NewCustomer) -> str:
        """Return the id of the customer, made at the first call."""
        metadata = {"organization": customer.key, "customer_number": customer.number}
        facts: Any = {"name": customer.name, "metadata": metadata}
        if customer.email:
            facts["email"] = customer.email
        options: Any = {"idempotency_key": f"customer-{customer.key}"}
        return self._ask("create_customer", lambda api: api.v1.customers.create(facts, options).id)

    def begin_setup(self, customer_id: str, idempotency_key: str | None = None) -> str:
        """Return the client secret with which a browser adds one payment method. It is kept nowhere."""
        facts: Any = {
            "customer": customer_id,
            "usage": "off_session",
            "allowed_payment_method_types": list(_OFFERED_TYPES),
        }
        options: Any = {"idempotency_key": idempotency_key} if idempotency_key else {}
        secret = self._ask(
            "begin_setup", lambda api: api.v1.setup_intents.create(facts, options).client_secret
        )
        assert secret is not None, "a new set-up intent has a client secret"
        return secret

    def setup_of(self, setup_id: str) -> Setup:
        """Return how adding a payment method went."""
        wanted: Any = {"expand": ["payment_method", "mandate"]}
        return self._ask(
            "setup_of",
            lambda api: setup_from(api.v1.setup_intents.retrieve(setup_id, wanted)),
            missing="set-up",
        )

    def method_of(self, method_id: str) -> Method:
        return self._ask("method_of", lambda api: method_from(api.v1.payment_methods.retrieve(method_id)))

    def attach(self, *, customer_id: str, method_id: str) -> Method:
        """Give a method to a customer; one that is already theirs is returned as it is.

        NotFoundError if there is none or it is another customer's, ConflictError if it was used or
        detached before, PaymentFailedError if the bank declines it.
        """
        try:
            return self._ask(
                "attach",
                lambda api: method_from(api.v1.payment_methods.attach(method_id, {"customer": customer_id})),
                is_repeatable=False,
            )
        except errors.ProviderRefusedError:
            known = self.method_of(method_id)
        if known.customer_id is None:
            raise errors.ConflictError(_USED_UP)
        if known.customer_id != customer_id:
            raise errors.NotFoundError(_NO_SUCH_METHOD)
        return known

    def make_default(self, *, customer_id: str, method_id: str) -> None:
        """Let a customer's method come first; NotFoundError if it is not theirs."""
        chosen: Any = {"invoice_settings": {"default_payment_method": method_id}}
        self._ask(
            "make_default", lambda api: api.v1.customers.update(customer_id, chosen), is_repeatable=False
        )

    def default_of(self, customer_id: str) -> str | None:
        """Return the id of the method that comes first."""
        return self._ask("default_of", lambda api: default_from(api.v1.customers.retrieve(customer_id)))

    def detach(self, method_id: str) -> None:
        """Part a method from its customer, for good; one that is already gone is no error."""
        try:
            self._ask("detach", lambda api: api.v1.payment_methods.detach(method_id), is_repeatable=False)
        except errors.NotFoundError:
            return
        except errors.ProviderRefusedError:
            if self.method_of(method_id).customer_id is not None:
                raise

    def event_from(self, payload: bytes, signature: str, secret: str) -> Event | None:
        """Return the event, or None if it is not signed by Stripe within the last five minutes."""
        from stripe import SignatureVerificationError, Webhook  # noqa: PLC0415 - see _client

        if not signature.isascii():
            return None  # the package cannot compare it
        try:
            event = Webhook.construct_event(payload, signature, secret)
        except (ValueError, SignatureVerificationError):
            return None
        told: dict[str, Any] = event.data.to_dict()
        return Event(
            id=event.id,
            type=event.type,
            object_id=told["object"].get("id", ""),
            customer_id=customer_told(told["object"], told.get("previous_attributes") or {}),
            is_live=event.livemode,
        )

    @cached_property
    def _client(self) -> StripeClient:
        """The package takes 0.3 s to import, for which no start and no other page has to wait."""
        from stripe import RequestsClient, StripeClient  # noqa: PLC0415

        logging.getLogger("stripe").setLevel(logging.WARNING)  # below that it logs bodies, secrets included
        connect_seconds_max = min(_CONNECT_SECONDS_MAX, self._seconds_max)
        return StripeClient(
            self._secret_key,
            base_addresses={"api": self._api_base},
            max_network_retries=_RETRIES_MAX,
            http_client=RequestsClient(timeout=(connect_seconds_max, self._seconds_max)),
        )

    def _ask(
        self,
        operation: str,
        question: Callable[[StripeClient], Answer],
        *,
        is_repeatable: bool = True,
        missing: str = "payment method",
    ) -> Answer:
        """Ask within the deadline; whatever goes wrong comes back in our words."""
        client = self._client  # made before the clock starts

        from stripe import StripeError  # noqa: PLC0415 - see _client

        try:
            return self._deadline.ask(lambda: question(client), is_repeatable=is_repeatable)
        except StripeError as error:
            raise _in_our_words(error, operation, missing=missing, is_repeatable=is_repeatable) from error


def _in_our_words(
    error: StripeError, operation: str, *, missing: str, is_repeatable: bool
) -> errors.BillingError:
    from stripe import APIConnectionError, APIError, CardError, RateLimitError  # noqa: PLC0415 - see _client

    code = getattr(error, "code", None)
    if isinstance(error, CardError):
        return errors.PaymentFailedError(error.user_message)
    if isinstance(error, APIConnectionError):
        return errors.ProviderUnavailableError() if is_repeatable else errors.OutcomeUnknownError()
    if code == "resource_missing" and getattr(error, "param", None) != "customer":
        return errors.NotFoundError(f"There is no such {missing}.")
    facts = {
        "operation": operation,
        "status": error.http_status,
        "code": code,
        "param": getattr(error, "param", None),
        "stripe_request": error.request_id,
    }
    log.warning("stripe refused", extra=facts)
    if isinstance(error, APIError | RateLimitError):
        return errors.ProviderUnavailableError()
    return errors.ProviderRefusedError()
