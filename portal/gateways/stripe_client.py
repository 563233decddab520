"""Calls to Stripe: within a deadline, through a breaker, with errors in our words.

Five errors are all there is: PaymentFailedError (the bank declined; Stripe's sentence for the customer),
NotFoundError (no such object), ProviderUnavailableError (no answer, or Stripe's own failure; as
OutcomeUnknownError where it matters whether the call had an effect) and ProviderRefusedError (the rest).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from portal.domain import errors
from portal.gateways.bounded_http import bounded_session
from portal.gateways.breaker import Breaker
from portal.gateways.deadline import Deadline
from portal.gateways.observing import CallObserver, observed

if TYPE_CHECKING:
    from stripe import StripeClient, StripeError

log = logging.getLogger(__name__)

_RETRIES_MAX = 2

Answer = TypeVar("Answer")


class StripeApi:
    """Stripe's API behind our fences: a total deadline, four worker slots, a breaker."""

    def __init__(
        self, secret_key: str, api_base: str, deadline_milliseconds: int, observer: CallObserver
    ) -> None:
        self._secret_key = secret_key
        self._api_base = api_base
        self._seconds_max = deadline_milliseconds / 1000
        self._deadline = Deadline("stripe", deadline_milliseconds)
        self._observer = observer
        self._breaker = Breaker(observer=observer)

    @property
    def is_answering(self) -> bool:
        """Tell whether Stripe answered lately, as far as this process has asked."""
        return not self._breaker.is_open

    @contextmanager
    def deadline_scope(self) -> Iterator[None]:
        """Give all that is asked inside one deadline together."""
        self.client  # noqa: B018 -- the package is imported before the clock starts
        with self._deadline.scope():
            yield

    @cached_property
    def client(self) -> StripeClient:
        """The package takes 0.3 s to import, for which no start and no other page has to wait."""
        from stripe import RequestsClient, StripeClient  # noqa: PLC0415

        logging.getLogger("stripe").setLevel(logging.WARNING)  # below that it logs bodies, secrets included
        return StripeClient(
            self._secret_key,
            base_addresses={"api": self._api_base},
            max_network_retries=_RETRIES_MAX,  # each with the idempotency key of the first
            http_client=RequestsClient(timeout=self._seconds_max, session=bounded_session()),
        )

    def ask(
        self,
        operation: str,
        question: Callable[[StripeClient], Answer],
        *,
        is_repeatable: bool = True,
        missing: str = "payment method",
    ) -> Answer:
        """Ask within the deadline; every error comes back in our words."""
        client = self.client  # made before the clock starts
        with observed(self._observer, operation) as call:
            self._breaker.enter()
            call.begins()
            begun = partial(question, client)
            return self._ask(operation, begun, is_repeatable=is_repeatable, missing=missing)

    def _ask(
        self, operation: str, question: Callable[[], Answer], *, is_repeatable: bool, missing: str
    ) -> Answer:
        from stripe import StripeError  # noqa: PLC0415 - see client

        with self._breaker.counting():
            try:
                return self._deadline.ask(question, is_repeatable=is_repeatable)
            except StripeError as error:
                raise _in_our_words(error, operation, missing=missing, is_repeatable=is_repeatable) from error
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                log.exception(
                    "stripe answered in a shape that is not Stripe's", extra={"operation": operation}
                )
                raise _no_answer(is_repeatable=is_repeatable) from error


def _no_answer(*, is_repeatable: bool) -> errors.ProviderUnavailableError:
    return errors.ProviderUnavailableError() if is_repeatable else errors.OutcomeUnknownError()


def _in_our_words(
    error: StripeError, operation: str, *, missing: str, is_repeatable: bool
) -> errors.BillingError:
    from stripe import APIConnectionError, APIError, CardError, RateLimitError  # noqa: PLC0415 - see client

    code = getattr(error, "code", None)
    if isinstance(error, CardError):
        return errors.PaymentFailedError(error.user_message)
    if isinstance(error, APIConnectionError):
        return _no_answer(is_repeatable=is_repeatable)
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
    if isinstance(error, RateLimitError):
        return errors.ProviderUnavailableError()  # it was not even begun
    if isinstance(error, APIError):
        return _no_answer(is_repeatable=is_repeatable)
    return errors.ProviderRefusedError()
